#!/usr/bin/env bash
# The simulator says of a recorded trace what the device has done: the same
# reads, real ones, miss as often in both.  They are within a hundredth when
# the machine is quiet; the device's evictor is a thread, and what a fetch costs
# is what it took, so here two hundredths are allowed.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires jq --version

sim=${TIERCACHE_SIM:-$abs_top_builddir/tools/sim/tiercache-sim}
reads=40000

# 128 MiB in blocks of 4 KiB, and a cache for a tenth of them.
head -c 128M /dev/zero | tr '\0' x >"$tmp/image"

# A few blocks are read often, most seldom, and now and then a part of the
# image from one end to the other.  How much the cache holds, which is 97 to
# 100 % of what it may, matters little here.
cat >"$tmp/reads.py" <<'PYTHON'
import random
r = random.Random(7)
blocks, n, scan = 32768, int(sys.argv[1]), 0
for i in range(n):
    if i % 10000 == 6000:
        scan = 2000
        at = r.randrange(blocks - 2001)
    if scan > 0:
        scan -= 1
        at += 1
        block = at
    else:
        often = 12 if r.random() < 0.7 else 1
        # Neighbours in popularity are not neighbours on disk.
        block = int(blocks * r.random() ** often) * 5077 % blocks
    h.pread(512, block << 12)
PYTHON

# compare POLICY SIZES
compare ()
{
  local name=$1 fetched blocks

  start_nbdkit "$name" -v -D tiercache.fetch=1 "$plugin" "$tmp/image" \
    cache-dir="$tmp/$name.cache" cache-size=14M cache-block-size=4K \
    cache-compress=none cache-policy="$1" readahead=0 \
    trace-record="$tmp/$name.trace"
  nbd_script "$(uri "$name")" $reads <"$tmp/reads.py"
  stop_nbdkit "$name"
  fetched=$(grep -c 'fetch: .* bytes at' "$tmp/$name.log")
  blocks=$("$ctl" stat --json "$tmp/$name.cache" | jq .blocks)
  "$sim" --json --policy="$1" --sizes="$2" --cache-size=$((blocks * 4096)) \
    "$tmp/$name.trace" >"$tmp/json"
  [ "$(value "$tmp/json" .accesses)" = $reads ] ||
    fail "$1: not all reads were recorded: $(cat "$tmp/json")"
  echo "$1: $blocks blocks; device $fetched of $reads, simulator" \
    "$(value "$tmp/json" ".miss_ratio * $reads | round")"
  jq -e "$fetched / $reads / .miss_ratio | . > 0.98 and . < 1.02" \
    "$tmp/json" >/dev/null || fail "$1: more than two hundredths apart"
}

compare lru fixed
compare weighted recorded
