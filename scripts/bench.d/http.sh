# The http part: misses, against what 16 parallel requests of curl get from
# the same nginx, and beside what others make of it.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used in the other parts, or set there

block=65536                     # the default cache-block-size

# ---------------------------------------------------------------- origin

# nginx_start [COMMAND ARG...]: one nginx, run by the command, on three ports:
# 20 ms a request and 20 or 100 MB/s a connection; and 100 ms a request.  It
# serves $nginx_probe.
nginx_start ()
{
  requires nginx curl chrt
  # Debian's libnbd is for Debian's python, which may not be the first.
  for python_nbd in python3 /usr/bin/python3; do
    ! "$python_nbd" -c 'import nbd' 2>/dev/null || break
  done
  port_20=$(free_port)
  port_100=$(free_port)
  port_slow=$(free_port)
  mkdir -p "$tmp/nginx"
  python3 - "$lib/nginx.conf" >"$tmp/nginx/nginx.conf" \
    "dir=$tmp/nginx" "root=$work" "user=$(id -un)" \
    "port_20=$port_20" "port_100=$port_100" "port_slow=$port_slow" <<'END'
import string, sys
with open(sys.argv[1]) as f:
    text = string.Template(f.read())
print(text.safe_substitute(dict(a.split("=", 1) for a in sys.argv[2:])))
END
  start nginx "$@" nginx -e "$tmp/nginx.log" -c "$tmp/nginx/nginx.conf"
  wait_for 20 curl -sf -o "$tmp/nginx/probe" -r 0-0 \
    "http://127.0.0.1:$port_slow/${nginx_probe:-usr.img}" ||
    die "nginx does not start"
}

nginx_stop ()
{
  stop nginx
}

log_start ()
{
  : >"$tmp/nginx/access.log"
}

# log_read [SKIP]: "requests bytes" since log_start.
log_read ()
{
  sleep 0.2
  python3 "$lib/nginx.py" "$tmp/nginx/access.log" "$@"
}

# ---------------------------------------------------------------- sides

# What the transport gives: bytes a second for all of the image.
curl_bandwidth ()
{
  local began at

  : >"$tmp/curl.config"
  for ((at = 0; at < image_size; at += 4 << 20)); do
    [ "$at" -eq 0 ] || echo next
    printf 'url = "%s"\nrange = %d-%d\noutput = /dev/null\n' \
      "http://127.0.0.1:$1/usr.img" $at $((at + (4 << 20) - 1))
  done >>"$tmp/curl.config"
  began=$(date +%s%N)
  curl --no-progress-meter -Z --parallel-max 16 -K "$tmp/curl.config" || die "curl failed"
  echo $((image_size * 1000 / (($(date +%s%N) - began) / 1000000)))
}

# warm_up NAME BYTES: caches the first of them, and lets it settle: what was
# fetched has been stored, and what is read first is verified.
warm_up ()
{
  local i

  for ((i = 0; i < 2; i++)); do
    read_fio "$1" --rw=read --bs=256k --iodepth=16 --size="$2" >/dev/null
    [ ! -e "$tmp/$1.cache" ] || sync -f "$tmp/$1.cache"
    sleep 1
  done
}

ours_cold ()
{
  wipe ours
  serve_ours ours url="http://127.0.0.1:$1/usr.img" cache-size=10G
}

cold_sequential ()
{
  local requests bytes

  result cold-20 base "$(curl_bandwidth "$port_20")"
  ours_cold "$port_20"
  log_start
  result cold-20 ours "$(bandwidth ours "${sequential[@]}" "${whole[@]}")"
  read -r requests bytes < <(log_read)
  result origin-bytes ours "$(ratio "$bytes" "$image_size")"
  read -r requests bytes < <(log_read $((64 << 20)))
  result origin-requests ours "$(ratio "$requests" $((bytes >> 20)))"

  result cold-100 base "$(curl_bandwidth "$port_100")"
  ours_cold "$port_100"
  result cold-100 ours "$(bandwidth ours "${sequential[@]}" "${whole[@]}")"
}

ratio ()
{
  python3 -c 'import sys; print (f"{int (sys.argv[1]) / int (sys.argv[2]):.4f}")' \
    "$1" "$2"
}

cold_random ()
{
  local bytes touched

  ours_cold "$port_100"
  result cold-random ours \
    "$(iops ours --rw=randread --bs=4k --iodepth=16 "${timed[@]}")"
  ours_cold "$port_100"
  log_start
  touched=$("$python_nbd" "$lib/scattered.py" "$(uri ours)" 2000 16 $block)
  read -r _ bytes < <(log_read)
  result random-bytes ours "$(ratio "$bytes" "$touched")"
}

four_readers ()
{
  local one=$((image_size / 4))

  ours_cold "$port_20"
  result four-readers base "$(bandwidth ours "${sequential[@]}" --size=$one)"
  ours_cold "$port_20"
  result four-readers ours \
    "$(bandwidth ours "${sequential[@]}" --size=$one \
         --offset_increment=$one --numjobs=4)"
}

# hit_latency ROW [COMMAND ARG...]: whoever misses is run by the command.
hit_latency ()
{
  local row=$1 hits=(--rw=randread --bs=4k --iodepth=1 --size=256m "${timed[@]}")
  local misses

  shift
  ours_cold "$port_100"
  warm_up ours $((256 << 20))
  result "$row" without "$(p99 ours "${hits[@]}")"
  (fio_command=("$@")
   read_fio ours --rw=randread --bs=4k --iodepth=16 --offset=1g --size=1g \
     --time_based --runtime=$((seconds + 3)) >>"$tmp/misses.log") &
  misses=$!
  sleep 1
  result "$row" with "$(p99 ours "${hits[@]}")"
  wait $misses
}

# The origin and whoever misses stand for other machines, which would not take
# this one's two cores: to see what that makes, once they run only when nobody
# else wants to.
hits_beside_misses ()
{
  local idle=(chrt --idle 0)

  hit_latency hit-p99-crowded
  nginx_stop
  nginx_start "${idle[@]}"
  hit_latency hit-p99 "${idle[@]}"
  nginx_stop
  nginx_start
}

# ---------------------------------------------------------------- others

# peer NAME: what its export gives; shorter, for these are slow.
peer ()
{
  result "cold-$2" "$1" \
    "$(bandwidth "$1" "${sequential[@]}" --size="$3")"
}

peer_random ()
{
  result cold-random "$1" \
    "$(iops "$1" --rw=randread --bs=4k --iodepth=16 --offset=1g --size=1g \
         "${timed[@]}")"
}

# peer_of NAME PORT: both of its numbers (the random one at 100 MB/s).
peer_of ()
{
  peer "$1" "$2" "$3"
  [ "$2" -eq 20 ] || peer_random "$1"
}

peers ()
{
  local rate port url

  for rate in 20 100; do
    port=port_$rate
    url=http://127.0.0.1:${!port}/usr.img

    serve curl --filter=cache curl "$url"
    peer_of curl $rate 48m
    stop curl
    if qemu-img info "$url" >/dev/null 2>&1; then
      qemu_serve "$url"
      peer_of qemu $rate 256m
      stop qemu
    fi
    if command -v rclone >/dev/null && [ -e /dev/fuse ]; then
      rclone_serve "${!port}"
      peer_of rclone $rate 256m
      stop rclone
      stop rclone-mount
    fi
  done
}

qemu_serve ()
{
  rm -f "$tmp/qemu.sock" "$tmp/overlay.qcow2"
  qemu-img create -q -f qcow2 -F raw -b "$1" "$tmp/overlay.qcow2"
  start qemu qemu-nbd -t -e 16 -k "$tmp/qemu.sock" --image-opts \
    "driver=copy-on-read,file.driver=qcow2,file.file.driver=file,file.file.filename=$tmp/overlay.qcow2"
  wait_for 20 test -S "$tmp/qemu.sock" || die "qemu-nbd does not start"
}

rclone_serve ()
{
  mkdir -p "$tmp/mount"
  rm -rf "$tmp/rclone"
  mounts=("$tmp/mount")
  start rclone-mount rclone mount --read-only --vfs-cache-mode full \
    --cache-dir "$tmp/rclone" --http-url "http://127.0.0.1:$1/" \
    :http: "$tmp/mount"
  wait_for 20 test -e "$tmp/mount/usr.img" || die "rclone does not mount"
  serve rclone file "$tmp/mount/usr.img"
}

bench_http ()
{
  local round

  nginx_start
  cat "$image" >/dev/null
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    cold_sequential
    cold_random
    four_readers
    hits_beside_misses
    wipe ours
    peers
  done
  nginx_stop
}
