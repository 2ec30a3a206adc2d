#!/usr/bin/env bash
# An image of terabytes costs no more than what is read of it.

. "${abs_top_srcdir:-.}/tests/functions.sh"

truncate -s 15T "$tmp/image"
printf 'the very end' |
  dd of="$tmp/image" bs=1 seek=$((15 * 1024 ** 4 - 12)) conv=notrunc status=none
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M
nbdsh -u "$(uri server)" -c '
size = h.get_size ()
assert size == 15 << 40
assert h.pread (12, size - 12) == b"the very end"
for i in range (15):
    assert h.pread (100, (i << 40) + 123456789) == bytes (100)
'
if ! sanitized; then
  anon=$(awk '/^RssAnon/ { print $2 }' "/proc/${server_pid[server]}/status")
  [ "$anon" -lt $((128 * 1024)) ] || fail "RssAnon is $anon KiB"
fi
stop_nbdkit server
