#!/usr/bin/env bash
# trace-replay of files that are no good, of more than the cache holds, and of
# an origin that does not answer.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires jq --version

trace=$tmp/x.trace
make_image "$tmp/image" 16M

serve ()
{
  local name=$1
  shift
  start_nbdkit "$name" -v -D tiercache.replay=1 -D tiercache.cache=1 \
    "$plugin" "$tmp/image" cache-dir="$tmp/cache" cache-compress=none "$@"
}

serve first trace-record="$trace" cache-size=64M
same_bytes first "$tmp/image"
stop_nbdkit first

bad ()
{
  refused "$1" "$tmp/image" cache-dir="$tmp/refused-cache" cache-size=64M \
    trace-replay="$2"
}
bad 'cannot open the trace to replay: No such file' "$tmp/missing"
bad 'not a regular file' "$tmp"
bad 'not a trace recorded by tiercache' "$tmp/image"
: >"$tmp/empty"
bad 'not a trace recorded by tiercache' "$tmp/empty"
head -c 40 "$trace" >"$tmp/short"
bad 'ends within its header' "$tmp/short"
bad 'expected a path' ''

# damage FILE OFFSET BYTES...: the trace with other bytes there.
damage ()
{
  cp "$trace" "$1"
  printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
damage "$tmp/header" 17 '\x55'
bad 'the header is damaged' "$tmp/header"
damage "$tmp/version" 8 '\x63'
bad 'the header is damaged' "$tmp/version"
# With a check that is right it is a version of the future.
python3 - "$tmp/version" <<'PYTHON'
import sys
def crc(data):
    c = 0xffffffff
    for b in data:
        c ^= b
        for _ in range(8):
            c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
    return c
with open(sys.argv[1], "r+b") as f:
    head = f.read(12)
    f.write(crc(head).to_bytes(4, "little"))
PYTHON
bad 'a trace of version 99, and only version 1 is known' "$tmp/version"
damage "$tmp/frame" 90 '\x55\xaa'
cat "$tmp/frame" "$trace" >"$tmp/damaged"
bad 'byte 64: .*frame 0 is damaged' "$tmp/damaged"

# A torn end is left out.
rm -rf "$tmp/cache"
cp "$trace" "$tmp/torn"
head -c 1000 /dev/zero >>"$tmp/torn"
serve torn trace-replay="$tmp/torn" cache-size=64M
nbdinfo --size "$(uri torn)" >/dev/null
replayed () { grep -q 'replay: .*asked for' "$tmp/$1.log"; }
wait_for 60 replayed torn || fail "a torn trace is not replayed"
stop_nbdkit torn
grep -q 'its last 1000 bytes are torn' "$tmp/torn.log" ||
  fail "no word of the torn end"

# More than the cache holds: it does not evict what it has brought.
rm -rf "$tmp/cache"
serve small trace-replay="$trace" cache-size=8M
nbdinfo --size "$(uri small)" >/dev/null
wait_for 60 replayed small || fail "nothing is replayed to a small cache"
stop_nbdkit small
! grep -q 'cache: .*evict' "$tmp/small.log" || fail "the replay has evicted"
"$ctl" stat --json "$tmp/cache" >"$tmp/json"
jq -e '.blocks > 64 and .used_bytes <= 8388608' "$tmp/json" >/dev/null ||
  fail "a small cache: $(cat "$tmp/json")"

# It ends with the server, whatever the origin does.
start_tiercache keyed "$tmp/image" cache-key=image cache-size=64M \
  cache-dir="$tmp/cache-keyed" trace-record="$tmp/keyed"
same_bytes keyed "$tmp/image"
stop_nbdkit keyed
start_nbdkit slow --filter=delay file "$tmp/image" rdelay=600
start_tiercache stopped "$(uri slow)" cache-key=image cache-size=64M \
  cache-dir="$tmp/cache-stopped" trace-replay="$tmp/keyed"
nbdinfo --size "$(uri stopped)" >/dev/null
stop_nbdkit stopped
# The origin has lost its client amid its replies, which nbdkit may not survive:
# it is killed with the test.
