#!/usr/bin/env bash
# An NBD server that is killed and started again in the middle: reads go on.
# One that comes back with another size is another export.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 24M
far=(--filter=delay file "$tmp/image" rdelay=10ms)
start_nbdkit far "${far[@]}"
start_tiercache server "$(uri far)" cache-dir="$tmp/cache" cache-size=64M \
  readahead=0 connections=4 fetch-retries=20

nbd_script "$(uri server)" "$tmp/image" "$tmp/half" \
    >"$tmp/client.log" 2>&1 <<'PYTHON' &
import os
with open(sys.argv[1], "rb") as f:
    image = f.read()
for at in range(0, len(image), 65536):
    assert h.pread(65536, at) == image[at:at + 65536], at
    if at == 65536 * 20:
        open(sys.argv[2], "w").close()
PYTHON
client=$!
wait_for 60 test -e "$tmp/half" || fail "nothing is read"
for _ in 1 2 3; do
  kill_nbdkit far
  start_nbdkit far "${far[@]}"
done
wait $client || fail "a read failed while the server was started again"

# Another size: what is not cached is an error, a new client sees it.
start_tiercache second "$(uri far)" cache-dir="$tmp/cache2" cache-size=64M \
  fetch-retries=3
nbd_script "$(uri second)" "$tmp/image" "$tmp/go" "$tmp/gone" <<'PYTHON' &
import os, time
with open(sys.argv[1], "rb") as f:
    image = f.read()
assert h.pread(65536, 0) == image[:65536]
open(sys.argv[2], "w").close()
while not os.path.exists(sys.argv[3]):
    time.sleep(0.02)
assert h.pread(65536, 0) == image[:65536]
try:
    h.pread(65536, 16 << 20)
    raise SystemExit("a read of an export that has changed")
except nbd.Error:
    pass
PYTHON
client=$!
wait_for 60 test -e "$tmp/go" || fail "nothing is read"
kill_nbdkit far
truncate -s 30M "$tmp/image"
start_nbdkit far "${far[@]}"
touch "$tmp/gone"
wait $client || fail "an export of another size was taken for the same"
grep -q 'has changed: it has 31457280 bytes and had 25165824' \
  "$tmp/second.log" || fail "nobody was told that the export has changed"
[ "$(nbdinfo --size "$(uri second)")" = 31457280 ] ||
  fail "a new client does not see the new size"
stop_nbdkit second
stop_nbdkit server
