#!/usr/bin/env bash
# trace-record: what clients have read is in the trace, access by access, when
# the server ends and when it is killed; and nothing but a trace is replaced.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires jq --version

sim=${TIERCACHE_SIM:-$abs_top_builddir/tools/sim/tiercache-sim}
trace=$tmp/x.trace
make_image "$tmp/image" 8M

# serve NAME PARAMETER...
serve ()
{
  local name=$1
  shift
  start_tiercache "$name" "$tmp/image" cache-dir="$tmp/cache" \
    cache-size=64M cache-block-size=16K "$@"
}

# read_at NAME BLOCK...: a byte of each, one after the other.
read_at ()
{
  local name=$1
  shift
  nbd_script "$(uri "$name")" "$@" <<'SCRIPT'
for block in sys.argv[1:]:
    h.pread(1, int(block) << 14)
SCRIPT
}

# has FILE ACCESSES BLOCKS: so many, of so many different blocks.
has ()
{
  "$sim" --json --cache-size=100% "$1" >"$tmp/json" ||
    fail "$1 cannot be read"
  jq -e ".accesses == $2 and .footprint_bytes == $3 * 16384 and
         .block_size == 16384" "$tmp/json" >/dev/null ||
    fail "$2 accesses to $3 blocks were expected: $(cat "$tmp/json")"
}

serve first trace-record="$trace"
read_at first 7 3 7 500 3 100 7
nbd_script "$(uri first)" <<'SCRIPT'
h.pread(100000, 0)              # seven blocks, one of which is known
SCRIPT
stop_nbdkit first
has "$trace" 14 10
[ "$(stat -c %a "$trace")" = 600 ]
[ ! -e "$trace.new" ]

# A server that nobody connects to keeps it; the next one replaces it.
serve idle trace-record="$trace"
stop_nbdkit idle
has "$trace" 14 10
serve second trace-record="$trace"
read_at second 1 2
stop_nbdkit second
has "$trace" 2 2

# Killed: what was read some time ago is there.
serve killed trace-record="$trace"
read_at killed 5 6 7 8
recorded ()
{
  [ "$("$sim" --json "$trace" 2>/dev/null | jq .accesses)" = 4 ]
}
wait_for 60 recorded || fail "nothing was recorded while the server ran"
kill_nbdkit killed
has "$trace" 4 4
serve after trace-record="$trace"
read_at after 9
# Two servers do not record to one file.
refused 'another process is recording' "$tmp/image" cache-dir="$tmp/other" \
  cache-size=64M trace-record="$trace"
stop_nbdkit after
has "$trace" 1 1

# Read-ahead is not an access.
serve ahead trace-record="$trace"
nbd_script "$(uri ahead)" <<'SCRIPT'
for at in range(0, 4 << 20, 1 << 16):
    h.pread(1 << 16, at)
SCRIPT
stop_nbdkit ahead
has "$trace" 256 256

# A link to it stays a link.
ln -s "$trace" "$tmp/link"
serve link trace-record="$tmp/link"
read_at link 3
stop_nbdkit link
[ -L "$tmp/link" ] || fail "the link was replaced"
has "$trace" 1 1

# A disk that is full ends the recording and nothing else.
if [ "$(id -u)" -eq 0 ]; then
  mkdir "$tmp/small"
  mount -t tmpfs -o size=64k tmpfs "$tmp/small"
  cleanup_fn unmount "$tmp/small"
  serve full trace-record="$tmp/small/trace"
  nbd_script "$(uri full)" <<'SCRIPT'
import random
r = random.Random(1)
for i in range(30000):
    h.pread(1, r.randrange(512) << 14)
SCRIPT
  same_bytes full "$tmp/image"
  stop_nbdkit full
  [ "$(grep -c 'recording ends here' "$tmp/full.log")" = 1 ] ||
    fail "no word of the full disk"
  "$sim" "$tmp/small/trace" >/dev/null || fail "what was written is not valid"
fi

# Files that are not for it.
echo precious >"$tmp/precious"
bad ()
{
  refused "$1" "$tmp/image" cache-dir="$tmp/cache" cache-size=64M \
    cache-block-size=16K trace-record="$2"
}
bad 'exists and is not overwritten' "$tmp/precious"
[ "$(cat "$tmp/precious")" = precious ]
bad 'exists and is not overwritten' "$tmp/image"
bad 'is in the directory of the cache' "$tmp/cache/trace"
bad 'is in the directory of the cache' "$tmp/cache/../cache/data.0"
bad 'directory' "$tmp"
bad 'cannot be made' "$tmp/missing/trace"
bad 'expected a path' ''
mkfifo "$tmp/fifo"
bad 'not a regular file' "$tmp/fifo"
