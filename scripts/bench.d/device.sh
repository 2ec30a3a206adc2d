# The device part: hits, against nbdkit's file plugin on the same disk.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used in the other parts, or set there

# filled NAME PARAMETER...: serves $image with all of it cached.
filled ()
{
  local name=$1

  shift
  serve_ours "$name" url="$image" cache-size=10G "$@"
  warm_up "$name" "$image_size"
}

warm ()
{
  local side

  cat "$image" >/dev/null
  for side in base none lz4; do
    result warm-sequential $side \
      "$(bandwidth $side "${sequential[@]}" "${whole[@]}" "${timed[@]}")"
  done
  for side in base none lz4; do
    result warm-random $side "$(iops $side "${random[@]}")"
  done
}

dropped ()
{
  local side

  for side in base none lz4; do
    drop "$image" "$tmp/none.cache" "$tmp/lz4.cache"
    result dropped-sequential $side \
      "$(bandwidth $side "${sequential[@]}" "${whole[@]}")"
  done
}

two_clients ()
{
  local side

  cat "$image" >/dev/null
  for side in base none lz4; do
    result two-sequential-$side one \
      "$(bandwidth $side "${sequential[@]}" "${whole[@]}" "${timed[@]}")"
    result two-sequential-$side two \
      "$(bandwidth $side "${sequential[@]}" "${whole[@]}" "${timed[@]}" \
           --numjobs=2)"
    result two-random-$side one "$(iops $side "${random[@]}")"
    result two-random-$side two "$(iops $side "${random[@]}" --numjobs=2)"
  done
}

# The image stays out of the page cache if nothing of it is read.  Reads of a
# disk vary more than anything else here: several turns a round.
restarted ()
{
  local turn

  for turn in 1 2 3; do
    restarted_once
  done
}

restarted_once ()
{
  stop none
  drop "$image" "$tmp/none.cache"
  result restart base \
    "$(bandwidth base "${sequential[@]}" "${whole[@]}")"
  drop "$image" "$tmp/none.cache"
  serve_ours none url="$image" cache-size=10G cache-compress=none
  result restart ours \
    "$(bandwidth none "${sequential[@]}" "${whole[@]}")"
  result restart-read ours "$(fincore -b -n -o RES "$image")"
}

# Hits while another client misses, where a miss takes 100 ms.
beside_misses ()
{
  local hits=(--rw=randread --bs=4k --iodepth=32 --size=256m "${timed[@]}")
  local misses

  serve_ours slow url="http://127.0.0.1:$port_slow/usr.img" cache-size=10G
  warm_up slow $((256 << 20))
  result beside-misses without "$(iops slow "${hits[@]}")"
  read_fio slow --rw=randread --bs=64k --iodepth=16 --offset=1g --size=1g \
    --time_based --runtime=$((seconds + 4)) >>"$tmp/misses.log" &
  misses=$!
  sleep 1
  result beside-misses with "$(iops slow "${hits[@]}")"
  wait $misses
  wipe slow
}

rss_anon ()
{
  sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${pid_of[$1]}/status"
}

memory ()
{
  local size

  for size in 64 4; do
    filled "memory$size" cache-block-size="${size}K"
    result memory-${size}K ours $(($(rss_anon "memory$size") << 10))
    wipe "memory$size"
  done
}

opening ()
{
  local began

  truncate -s $(((16 << 40) - (64 << 10))) "$tmp/sparse"
  began=$(date +%s%N)
  serve_ours sparse url="$tmp/sparse" cache-size=10G
  nbdinfo --size "$(uri sparse)" >/dev/null
  result open-16T ours $((($(date +%s%N) - began) / 1000000))
  wipe sparse
  rm -f "$tmp/sparse"
}

budget ()
{
  local most sampler

  : >"$tmp/sampling"
  serve_ours budget url="$image" cache-size=256M
  python3 "$lib/sampled.py" "$tmp/budget.cache" "$tmp/sampling" \
    >"$tmp/sampled" &
  sampler=$!
  read_fio budget "${sequential[@]}" "${whole[@]}" >/dev/null
  read_fio budget --rw=randread --bs=64k --iodepth=32 "${timed[@]}" \
    >/dev/null
  rm "$tmp/sampling"
  wait $sampler
  read -r most _ <"$tmp/sampled"
  result budget ours "$most"
  wipe budget
}

bench_device ()
{
  local round

  serve base file "$image"
  filled none cache-compress=none
  filled lz4 cache-compress=lz4
  nginx_start
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    warm
    dropped
    two_clients
    restarted
    beside_misses
    opening
    budget
    memory
  done
  wipe none
  wipe lz4
  stop base
  nginx_stop
}
