#!/usr/bin/env bash
# A cache disk without room for the budget: the export works without, and says
# so; it works again as a cache once there is room.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/ctl.sh"

requires_root

make_image "$tmp/image" 40M

# Fills up underway.
mkdir "$tmp/small"
mount -t tmpfs -o size=24M none "$tmp/small"
cleanup_fn unmount "$tmp/small"
start_tiercache server "$tmp/image" cache-dir="$tmp/small/c" cache-size=128M \
  cache-compress=none
same_bytes server "$tmp/image"
same_bytes server "$tmp/image"
stop_nbdkit server
grep -q "$tmp/small/c.*No space" "$tmp/server.log" ||
  fail "no word of the full disk in the log"
[ "$(grep -c 'No space' "$tmp/server.log")" -le 3 ] ||
  fail "more than a warning of the full disk in the log"

# Warming says what it was, and not that cache-size is too small.
rm -rf "$tmp/small/c"
ctl_fails 1 "$tmp/small/c: its disk is full, or fails: only [0-9]+ of 41943040" \
  warm --cache-dir="$tmp/small/c" --cache-size=128M --cache-compress=none \
  "$tmp/image"
ctl verify "$tmp/small/c" >"$tmp/out"

# Has room again: what is cached now is served without the image.
mount -o remount,size=200M "$tmp/small"
cp "$tmp/image" "$tmp/copy"
start_tiercache server "$tmp/image" cache-dir="$tmp/small/c" cache-size=128M \
  cache-compress=none
same_bytes server "$tmp/copy"
stop_nbdkit server
spoil_image "$tmp/image"
start_tiercache server "$tmp/image" cache-dir="$tmp/small/c" cache-size=128M \
  cache-compress=none
same_bytes server "$tmp/copy"
stop_nbdkit server
cp "$tmp/copy" "$tmp/image"

# Full from the start: served without a cache, or refused with the reason.
mkdir "$tmp/full"
mount -t tmpfs -o size=1M none "$tmp/full"
cleanup_fn unmount "$tmp/full"
dd if=/dev/zero of="$tmp/full/fill" bs=64K status=none 2>/dev/null || true
status=0
"${nbdkit_command[@]}" -U - "$plugin" "$tmp/image" cache-dir="$tmp/full/c" \
  cache-size=128M --run "nbdcopy \$uri - | cmp - $tmp/image" \
  >"$tmp/full.log" 2>&1 || status=$?
[ $status -le 1 ] || fail "a disk that was full at the start: status $status"
grep -q "$tmp/full/c.*No space" "$tmp/full.log" ||
  fail "no word of the disk that was full at the start"
