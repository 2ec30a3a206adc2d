#!/usr/bin/env bash
# The holes of an NBD origin are those of the export; none are invented where
# the server doesn't tell, or is out of reach.

. "${abs_top_srcdir:-.}/tests/functions.sh"

truncate -s 8M "$tmp/image"
dd if=/dev/urandom of="$tmp/image" bs=1M seek=2 count=1 conv=notrunc \
  status=none
map ()
{
  nbdinfo --map --json "$(uri "$1")" | jq -c '[.[] | [.offset, .length, .type]]'
}

start_nbdkit far file "$tmp/image"
start_tiercache server "$(uri far)" cache-dir="$tmp/cache" cache-size=64M \
  cache-key=one offline=serve
have=$(map server)
[ "$have" = '[[0,2097152,3],[2097152,1048576,0],[3145728,5242880,3]]' ] ||
  fail "the map is $have"

# A server whose unit is larger than what the client asks about.
start_nbdkit units --filter=blocksize-policy file "$tmp/image" \
  blocksize-minimum=64K blocksize-preferred=64K blocksize-maximum=1M \
  blocksize-error-policy=error
start_tiercache coarse "$(uri units)" cache-dir="$tmp/cache3" cache-size=64M
nbdsh --base-allocation -u "$(uri coarse)" -c '
seen = []
def extent(context, offset, entries, error):
    seen.extend(entries)
h.block_status(5000, (2 << 20) - 1000, extent)
assert seen[:4] == [1000, 3, 4000, 0], seen
'
stop_nbdkit coarse

kill_nbdkit far
have=$(map server)
[ "$have" = '[[0,8388608,0]]' ] || fail "the map of what is away is $have"
stop_nbdkit server

start_nbdkit far --no-sr file "$tmp/image"
start_tiercache server "$(uri far)" cache-dir="$tmp/cache2" cache-size=64M
have=$(map server)
[ "$have" = '[[0,8388608,0]]' ] || fail "the map without block status is $have"
stop_nbdkit server

# More extents than fit one answer.
python3 - "$tmp/many" <<'PYTHON'
import sys
with open(sys.argv[1], "wb") as f:
    f.truncate(64 << 20)
    for i in range(2000):
        f.seek(i * 16384)
        f.write(b"x" * 4096)
PYTHON
start_nbdkit many file "$tmp/many"
start_tiercache server "$(uri many)" cache-dir="$tmp/cache4" cache-size=64M
[ "$(map server)" = "$(map many)" ] || fail "a map of many extents differs"
stop_nbdkit server
