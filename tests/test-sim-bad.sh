#!/usr/bin/env bash
# tiercache-sim on input at its limits, and on recorded traces that are no
# good: an answer, or an error that names the file, the place and the reason.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires zstd --version
requires gzip --version
requires jq --version

sim=${TIERCACHE_SIM:-$abs_top_builddir/tools/sim/tiercache-sim}
header=time_us,volume,op,offset,length
all=weighted,lru,gdsf,gdsf-cost,belady

# gives FILTER ARG...: it succeeds, and so for every policy.
gives ()
{
  local filter=$1
  shift
  timeout -k 5 60 "$sim" --json --policy=$all "$@" >"$tmp/json" ||
    fail "$*: status $?"
  jq -se "length == 5 and all (.[]; $filter)" "$tmp/json" >/dev/null || {
    cat "$tmp/json"
    fail "$*: not $filter"
  }
}
# bad WORDS ARG...: it fails, and says so.
bad ()
{
  local want=$1 status=0
  shift
  timeout -k 5 60 "$sim" --policy=$all "$@" >/dev/null 2>"$tmp/err" ||
    status=$?
  [ $status = 1 ] || fail "$*: status $status"
  grep -q -- "$want" "$tmp/err" || fail "$*: $(cat "$tmp/err")"
}
csv ()
{
  { echo $header; cat; } >"$tmp/x.csv"
}

# Nothing but requests of no bytes; one byte; one block, again and again.
csv <<<'0,0,R,0,0'
bad 'x.csv: there are no accesses' "$tmp/x.csv"
csv <<<'0,0,R,0,1'
gives '.accesses == 1 and .miss_ratio == 1' "$tmp/x.csv"
for ((i = 0; i < 1000; i++)); do echo '0,0,R,4096,512'; done | csv
gives '.accesses == 1000 and (.miss_ratio == 0.001)' --cache-size=64k \
  "$tmp/x.csv"
# A cache smaller than a block has nothing in it, whatever is asked for.
gives '.miss_ratio == 1 and .evictions == 0 and .bytes_written == 0' \
  --cache-size=65535 "$tmp/x.csv"
gives '.miss_ratio == 1' --cache-size=1 "$tmp/x.csv"
# Some blocks are larger than it, others not.
{ for _ in 1 2 3; do echo "0,0,R,0,100000"; echo "0,0,R,500000,1000"; done; } |
  csv
gives '.miss_ratio > 0.66 and .miss_ratio < 0.67' --block-size=request \
  --cache-size=2000 "$tmp/x.csv"

# 2^40: as a size of the cache, and of one request (never split into so many
# blocks that memory ends).
csv <<<'0,0,R,0,1099511627776'
gives '.accesses == 1 and .miss_ratio == 1' --block-size=request \
  --cache-size=1T "$tmp/x.csv"
gives '.accesses == 262144' --block-size=4M --cache-size=1T "$tmp/x.csv"
printf '0,0,R,0,1099511627776\n0,0,R,0,1099511627776\n' | csv
gives '.accesses == 2 and .miss_ratio == 0.5' --block-size=request \
  --cache-size=1T "$tmp/x.csv"
csv <<<'0,0,R,9223370937343148031,1099511627776'
gives '.accesses == 1' --block-size=request "$tmp/x.csv"
csv <<<'0,0,R,9223370937343148032,1099511627776'
bad 'x.csv: line 2: offset .* too large' --block-size=request "$tmp/x.csv"

# Time runs backwards, or stands still at either end.
for i in 9 5 5 0 18446744073709551615 1; do
  echo "$i,0,R,65536,1"
done | csv
gives '.accesses == 6' "$tmp/x.csv"

# Cut off anywhere, compressed data is an error, and never a shorter trace.
awk -v h=$header 'BEGIN { print h; srand (1); for (i = 0; i < 3000; i++)
  printf "%d,0,R,%d,4096\n", i, int (900 * rand ()) * 65536 }' >"$tmp/y.csv"
zstd -q "$tmp/y.csv"
gzip -k "$tmp/y.csv"
for end in zst gz; do
  size=$(stat -c %s "$tmp/y.csv.$end")
  for cut in 1 2 5 $((size / 2)) $((size - 20)); do
    head -c $((size - cut)) "$tmp/y.csv.$end" >"$tmp/cut"
    bad 'cut.*: .*ends too early' "$tmp/cut"
  done
  head -c 5 "$tmp/y.csv.$end" >"$tmp/cut"
  bad "$tmp/cut: " "$tmp/cut"
  # Two files in one are two traces in one.
  cat "$tmp/y.csv.$end" "$tmp/y.csv.$end" >"$tmp/twice"
  bad 'twice: line 3002: time_us is not a number' "$tmp/twice"
done

# What the device records, plain and compressed.
make_image "$tmp/image" 2M
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M \
  trace-record="$tmp/r.trace"
nbd_script "$(uri server)" <<'SCRIPT'
for i in 0, 1, 0, 2, 0, 31, 5, 6, 7, 8:
    h.pread(1, i << 16)
SCRIPT
stop_nbdkit server
zstd -q "$tmp/r.trace"
gzip -k "$tmp/r.trace"
for end in '' .zst .gz; do
  # The block size is that of the trace.
  for option in --block-size=4k --sizes=fixed; do
    gives '.accesses == 10 and .miss_ratio == 0.8 and .block_size == 65536 and
           .footprint_bytes == 8 * 65536' --cache-size=100% $option \
      "$tmp/r.trace$end"
  done
  gives '.accesses == 10 and .miss_ratio == 0.8 and
         .footprint_bytes <= 8 * 65536' --cache-size=1M --sizes=recorded \
    "$tmp/r.trace$end"
done
gives '.accesses > 0' --sizes=synthetic "$tmp/r.trace"

head -c 30 "$tmp/r.trace" >"$tmp/cut"
bad 'cut: byte 0: the file ends within its header' "$tmp/cut"
head -c 64 "$tmp/r.trace" >"$tmp/cut"
bad 'cut: there are no accesses' "$tmp/cut"
head -c -1 "$tmp/r.trace" >"$tmp/cut"
bad 'cut: there are no accesses' "$tmp/cut"
{ cat "$tmp/r.trace"; head -c 500 /dev/zero; } >"$tmp/torn"
gives '.accesses == 10' "$tmp/torn"
size=$(stat -c %s "$tmp/r.trace")
{ cat "$tmp/r.trace" "$tmp/r.trace"; } >"$tmp/twice"
bad "twice: byte $size: frame 1 is damaged" "$tmp/twice"
{ printf 'tcTrace\0'; head -c 100 /dev/urandom; } >"$tmp/random"
bad 'random: byte 0: the header is damaged' "$tmp/random"
