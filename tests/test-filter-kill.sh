#!/usr/bin/env bash
# SIGKILL under load, again and again on the same cache with less room than
# the image takes: the cache directory never takes more than its budget, and
# what is served afterwards is right.  Half of the rounds each way of reading.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

seed=${TIERCACHE_SEED:-$RANDOM}
rounds=${TIERCACHE_ROUNDS:-4}
echo "seed $seed"
RANDOM=$seed
budget=$((8 << 20))
mkdir "$tmp/dir"
make_image "$tmp/dir/image" 24M "$seed"
params=(file dir="$tmp/dir" "tiercache-dir=$tmp/cache" tiercache-id=x
        "tiercache-size=$budget")

start ()
{
  if [ $((round % 2)) -eq 0 ]; then
    start_nbdkit server --filter="$filter" file "$tmp/dir/image" \
      "${params[@]:2}"
    export=
  else
    start_nbdkit server --filter="$filter" "${params[@]}"
    export=image
  fi
}

# within_budget [MORE-THAN]: bytes on disk.
# shellcheck disable=SC2120  # not given everywhere
within_budget ()
{
  local used
  used=$(du -s --block-size=1 "$tmp/cache" 2>/dev/null | cut -f 1)
  [ "$used" -le $budget ] || fail "$used bytes with a budget of $budget"
  [ "$used" -gt "${1:-0}" ]
}

for ((round = 1; round <= rounds; round++)); do
  start
  fio --thread --name=load --ioengine=nbd \
    --uri="$(export_uri server "$export")" --rw=randread \
    --bssplit=4k/30:64k/60:512k/10 --iodepth=16 --size=24M --io_size=4G \
    --randseed=$RANDOM --output="$tmp/load.log" >/dev/null 2>&1 &
  load=$!
  wait_for 60 within_budget $(((RANDOM % 5 + 2) << 20)) || fail "no load"
  for ((i = 0; i < 20; i++)); do
    within_budget || fail "the cache is empty"
  done
  kill_nbdkit server
  kill -KILL $load 2>/dev/null || true
  wait $load 2>/dev/null || true

  start
  same_export server "$export" "$tmp/dir/image"
  within_budget
  stop_nbdkit server
done
