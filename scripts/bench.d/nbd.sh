# The nbd part: an NBD server that takes 20 ms a request, as ours reads it and
# as nbdkit's own nbd plugin does, without and with nbdkit's cache filter.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used in the other parts, or set there

nbd_warm=$((16 << 20))          # the cache filter fills 3 MB/s

# What the transport gives: bytes a second for all of the image.
nbdcopy_bandwidth ()
{
  local began

  began=$(date +%s%N)
  nbdcopy --no-extents --connections=4 "$(uri far)" null: ||
    die "nbdcopy failed"
  echo $((image_size * 1000 / (($(date +%s%N) - began) / 1000000)))
}

# nbd_start SIDE: with nothing cached.
nbd_start ()
{
  case $1 in
    ours) wipe ours
          serve_ours ours url="$(uri far)" cache-size=10G ;;
    nbd) stop nbd
         serve nbd nbd uri="$(uri far)" ;;
    cache) stop cache
           serve cache --filter=cache nbd uri="$(uri far)" \
             cache-on-read=true ;;
  esac
}

nbd_cold ()
{
  local side

  result nbd-sequential raw "$(nbdcopy_bandwidth)"
  for side in ours nbd cache; do
    nbd_start $side
    result nbd-sequential $side \
      "$(bandwidth $side "${sequential[@]}" "${whole[@]}" \
           --runtime="$seconds")"
    nbd_start $side
    result nbd-random $side \
      "$(iops $side --rw=randread --bs=4k --iodepth=16 "${timed[@]}")"
  done
}

nbd_hits ()
{
  local side

  for side in ours cache; do
    nbd_start $side
    warm_up $side $nbd_warm
  done
  for side in ours cache; do
    result nbd-warm-sequential $side \
      "$(bandwidth $side "${sequential[@]}" --size=$nbd_warm "${timed[@]}")"
  done
  for side in ours cache; do
    result nbd-warm-random $side \
      "$(iops $side "${random[@]}" --size=$nbd_warm)"
  done
}

bench_nbd ()
{
  local round

  cat "$image" >/dev/null
  serve far --filter=delay file "$image" rdelay=20ms
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    nbd_cold
    nbd_hits
  done
  wipe ours
  stop nbd
  stop cache
  stop far
}
