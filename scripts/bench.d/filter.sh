# The filter part: against nbdkit's own cache filter and against none, over a
# plugin that takes 100 ms a read.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used in the other parts, or set there

# serve_delayed NAME FILTER ARG...: 4 MiB of random bytes; FILTER may be "".
serve_delayed ()
{
  local name=$1 with=$2

  shift 2
  serve "$name" ${with:+"--filter=$with"} --filter=delay \
    file "$tmp/random" rdelay=100ms "$@"
}

# reads NAME: 64 reads of 64 KiB, 16 in flight; milliseconds.
reads ()
{
  "$python_nbd" "$lib/reads.py" "$(uri "$1")" 64 65536 16
}

# Hits cost either side little beside what nbdkit and its client do: several
# turns a round, and neither always comes first.
filter_warm ()
{
  local side turn sides

  for turn in "cache filter" "filter cache" "cache filter" "filter cache"; do
    read -ra sides <<<"$turn"
    for side in "${sides[@]}"; do
      result filter-warm $side \
        "$(iops $side --rw=randread --bs=64k --iodepth=16 --size=4m \
             "${timed[@]}")"
      result filter-warm-4k $side "$(iops $side "${random[@]}" --size=4m)"
    done
  done
}

bench_filter ()
{
  local round side
  local ours=("tiercache-dir=$tmp/filter.cache" tiercache-id=bench)

  [ -e "$filter" ] || die "$filter is not built"
  for python_nbd in python3 /usr/bin/python3; do
    ! "$python_nbd" -c 'import nbd' 2>/dev/null || break
  done
  head -c 4M /dev/urandom >"$tmp/random"
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    serve_delayed base ""
    serve_delayed cache cache cache-on-read=true
    serve_delayed filter "$filter" "${ours[@]}"
    for side in base cache filter; do
      result filter-cold $side "$(reads $side)"
    done
    filter_warm
    stop base
    stop cache
    stop filter
    serve_delayed filter "$filter" "${ours[@]}"
    result filter-restart filter "$(reads filter)"
    wipe filter
  done
}
