#!/usr/bin/env bash
# tiercache-sim: ratios that can be counted by hand, every form of input, and
# errors that name file, line and reason.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires zstd --version
requires gzip --version
requires jq --version

sim=${TIERCACHE_SIM:-$abs_top_builddir/tools/sim/tiercache-sim}
header=time_us,volume,op,offset,length

# Three blocks in a cache of two: A B C A B.  LRU misses them all; Belady drops
# B for C, and so hits the second A.
{ echo $header
  for block in 0 1 2 0 1; do echo "0,0,R,$((block * 65536)),512"; done
} >"$tmp/abc.csv"
ratio ()
{
  "$sim" --json "$@" | jq '.miss_ratio * 1000 | round'
}
[ "$(ratio --cache-size=128k --policy=lru "$tmp/abc.csv")" = 1000 ]
[ "$(ratio --cache-size=128k --policy=belady "$tmp/abc.csv")" = 800 ]
[ "$(ratio --cache-size=100% --policy=weighted "$tmp/abc.csv")" = 600 ]
[ "$(ratio --cache-size=1 --policy=weighted "$tmp/abc.csv")" = 1000 ]

# The same whatever the form.
zstd -q "$tmp/abc.csv"
gzip -k "$tmp/abc.csv"
sed 's/$/\r/' "$tmp/abc.csv" >"$tmp/dos.csv"
sed 1d "$tmp/abc.csv" >"$tmp/bare.csv"
printf '0\n1\n2\n*\n0\n1\n' >"$tmp/numbers.trace"
for object in 0 1 2 0 1; do
  # time, object, size 65536, next access
  # shellcheck disable=SC2059  # the object is part of the format
  printf '\0\0\0\0'"\\x0$object"'\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0'
done >"$tmp/abc.oracleGeneral.bin"
for form in abc.csv.zst abc.csv.gz dos.csv bare.csv numbers.trace \
    abc.oracleGeneral.bin; do
  [ "$(ratio --cache-size=128k --policy=belady "$tmp/$form")" = 800 ] ||
    fail "$form: another miss ratio"
done

# A request over blocks is an access to each; unsplit it is one.
printf '5,0,W,60000,80000\n4,0,R,60000,80000\n3,1,R,60000,0\n' >"$tmp/wide.csv"
"$sim" --json --cache-size=1M "$tmp/wide.csv" >"$tmp/json"
jq -e '.accesses == 6 and .miss_ratio == 0.5 and .bytes_written == 196608 and
       .evictions == 0 and .block_size == 65536' "$tmp/json" >/dev/null
"$sim" --json --cache-size=1M --block-size=request "$tmp/wide.csv" >"$tmp/json"
jq -e '.accesses == 2 and .miss_ratio == 0.5 and .bytes_written == 80000' \
  "$tmp/json" >/dev/null

# Every policy, a curve and a sample of something larger; twice the same.
awk -v h=$header 'BEGIN { print h; srand (1); for (i = 0; i < 40000; i++)
  printf "%d,0,R,%d,4096\n", i, int (4000 * rand () ^ 3) * 65536 }' \
  >"$tmp/large.csv"
run ()
{
  "$sim" --json --policy=weighted,lru,gdsf,gdsf-cost,belady "$@" \
    "$tmp/large.csv" | jq -c 'del (.ns_per_access)'
}
run --curve --sizes=synthetic >"$tmp/curve"
[ "$(wc -l <"$tmp/curve")" = 125 ]
run --curve --sizes=synthetic | cmp - "$tmp/curve"
run --cache-size=10% >"$tmp/all"
jq -se '(map ({ (.policy): .miss_ratio }) | add) as $m |
  $m.weighted < $m.lru and $m.belady < $m.weighted and $m.gdsf < $m.lru' \
  "$tmp/all" >/dev/null || fail "$(cat "$tmp/all")"
run --cache-size=10% --sample=4 >"$tmp/sampled"
jq -se --slurpfile s "$tmp/sampled" \
  '.[0].miss_ratio - $s[0].miss_ratio | . < 0.1 and . > -0.1' "$tmp/all" \
  >/dev/null || fail "sampled: $(head -1 "$tmp/sampled")"

# Refusing writes less, of blocks that are used once; the goal chosen is the
# one that is reached.
awk -v h=$header 'BEGIN { print h; for (i = 0; i < 20000; i++)
  printf "%d,0,R,%d,4096\n", i, i * 65536 }' >"$tmp/once.csv"
for admit in always auto; do
  "$sim" --json --cache-size=2% --admit=$admit "$tmp/once.csv"
done | jq -se '.[1].bytes_written < .[0].bytes_written / 4' >/dev/null ||
  fail "what is used once is written"
for goal in time bytes; do
  "$sim" --json --cache-size=10% --sizes=synthetic --goal=$goal \
    "$tmp/large.csv"
done | jq -se '.[0].fetch_time_miss_ratio < .[1].fetch_time_miss_ratio and
  .[0].byte_miss_ratio > .[1].byte_miss_ratio' >/dev/null ||
  fail "a goal is not reached"
"$sim" "$tmp/large.csv" | grep -q '^large .*weighted' || fail "no table"

# What is wrong is told, with its place.
bad ()
{
  local want=$1
  shift
  if "$sim" "$@" >/dev/null 2>"$tmp/err"; then
    fail "accepted: $*"
  fi
  grep -q -- "$want" "$tmp/err" || fail "$*: $(cat "$tmp/err")"
}
line ()
{
  printf '%s\n0,0,R,0,512\n%s\n' $header "$1" >"$tmp/bad.csv"
  bad "bad.csv: line 3: .*$2" "$tmp/bad.csv"
}
line '0,0,X,0,512' 'neither R nor W'
line '0,0,R,-1,512' 'offset is not a number'
line '0,0,R,0' 'offset does not end'
line '0,0,R,0,5x' 'length does not end'
line '0,0,R,0,99999999999999999999' 'length is too large'
line '0,0,R,0,1099511627777' 'more than 2^40'
line '0,0,R,9223372036854775807,512' 'offset .* too large'
line '' 'time_us is not a number'
line "$(printf '%0300d' 0)" 'longer than'
printf '1\n\0002\n' >"$tmp/nul.trace"
bad 'line 2: a NUL' "$tmp/nul.trace"
head -c 100 "$tmp/abc.oracleGeneral.bin" >"$tmp/cut.oracleGeneral"
bad 'record 5: the file ends' "$tmp/cut.oracleGeneral"
head -c 40 "$tmp/abc.csv.gz" >"$tmp/cut.gz"
bad 'cut.gz.*ends too early' "$tmp/cut.gz"
head -c 40 "$tmp/abc.csv.zst" >"$tmp/cut.zst"
bad 'cut.zst.*ends too early' "$tmp/cut.zst"
{ head -c 30 "$tmp/abc.csv.zst"; head -c 99 /dev/zero; } >"$tmp/damaged.zst"
bad 'damaged.zst: not valid zstd' "$tmp/damaged.zst"
: >"$tmp/empty"
bad 'empty: there are no accesses' "$tmp/empty"
bad 'missing: cannot open' "$tmp/missing"
bad 'no trace given'
bad 'not one of weighted' --policy=best "$tmp/abc.csv"
bad 'not a percentage' --cache-size=0% "$tmp/abc.csv"
bad '--cache-size' --cache-size=-1 "$tmp/abc.csv"
bad '--block-size' --block-size=0 "$tmp/abc.csv"
bad '--admit' --admit=never "$tmp/abc.csv"
bad '--goal' --goal=money "$tmp/abc.csv"
bad '--sample' --sample=0 "$tmp/abc.csv"

# A trace that can't be read does not keep the others from it.
if "$sim" --json "$tmp/missing" "$tmp/abc.csv" >"$tmp/json" 2>/dev/null; then
  fail "a missing trace is no failure"
fi
jq -e '.trace == "abc"' "$tmp/json" >/dev/null
