#!/usr/bin/env bash
# The export says what it is.

. "${abs_top_srcdir:-.}/tests/functions.sh"

truncate -s 8M "$tmp/image"
dd if=/dev/urandom of="$tmp/image" bs=1M seek=2 count=1 conv=notrunc status=none

start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M \
  cache-block-size=128K
nbdinfo --json "$(uri server)" >"$tmp/info"
jq -e '.exports[0] |
  .["export-size"] == 8388608 and .is_read_only and .can_multi_conn and
  .can_cache and .can_df and .block_size_minimum == 1 and
  .block_size_preferred == 131072 and (.can_trim | not) and
  (.can_zero | not)' "$tmp/info" >/dev/null || {
    cat "$tmp/info"
    fail "the export says something else"
  }

# The holes of the origin, with what their file system makes of them.
nbdinfo --map --json "$(uri server)" >"$tmp/map"
jq -e 'any (.[]; .offset == 0 and .length == 2097152 and .type == 3) and
       any (.[]; .offset == 2097152 and .length == 1048576 and .type == 0) and
       any (.[]; .offset == 3145728 and .length == 5242880 and .type == 3)' \
   "$tmp/map" >/dev/null || {
     cat "$tmp/map"
     fail "the extents are not those of the image"
   }

# It cannot be written, whoever asks.
nbdsh -u "$(uri server)" -c '
try:
    h.set_strict_mode (0)
    h.pwrite (b"x" * 512, 0)
    raise SystemExit ("a write was accepted")
except nbd.Error as e:
    pass
'
stop_nbdkit server

# Requests are answered in parallel: the thread model is the plugin's best.
nbdkit "$plugin" --dump-plugin >"$tmp/dump"
grep -qx 'thread_model=parallel' "$tmp/dump" ||
  fail "the thread model is not parallel"
