#!/usr/bin/env bash
# SIGKILL at random moments under load, again and again on the same cache:
# what is served afterwards is right, and what had been cached was not lost.
#
# TIERCACHE_ROUNDS and TIERCACHE_SEED are for scripts/soak.

. "${abs_top_srcdir:-.}/tests/functions.sh"

seed=${TIERCACHE_SEED:-$RANDOM}
rounds=${TIERCACHE_ROUNDS:-8}
! sanitized || rounds=3
echo "seed $seed"
RANDOM=$seed

make_image "$tmp/image" 48M "$seed"

used ()
{
  du -s --block-size=1 "$tmp/cache" 2>/dev/null | cut -f 1
}

# grown BYTES: the cache takes more than that, or nobody reads any more.
grown ()
{
  [ "$(used)" -gt "$1" ] || ended "$load"
}

for ((round = 1; round <= rounds; round++)); do
  # Half of the rounds with room for all of it, half with eviction all along.
  size=$((round % 2 ? 128 : 12))M
  rm -f "$tmp/load.log"
  start_tiercache server "$tmp/image" cache-dir="$tmp/cache-$size" \
    cache-size=$size
  ln -sfn "cache-$size" "$tmp/cache"
  fio --thread --name=load --ioengine=nbd --uri="$(uri server)" --rw=randread \
    --bssplit=4k/30:64k/60:512k/10 --iodepth=16 --size=48M --io_size=2G \
    --randseed=$RANDOM --output="$tmp/load.log" >/dev/null 2>&1 &
  load=$!
  if [ $size = 12M ]; then
    at=$((RANDOM % 8 + 2))
  else
    at=$((RANDOM % 30 + 1))
  fi
  wait_for 60 grown $((at << 20)) || fail "no load"
  kill_nbdkit server
  kill -KILL $load 2>/dev/null || true
  wait $load 2>/dev/null || true

  start_tiercache server "$tmp/image" cache-dir="$tmp/cache-$size" \
    cache-size=$size
  same_bytes server "$tmp/image"
  stop_nbdkit server
done

# What the last kill left is a cache that still caches.
cp "$tmp/image" "$tmp/copy"
spoil_image "$tmp/image"
start_tiercache server "$tmp/image" cache-dir="$tmp/cache-128M" cache-size=128M
same_bytes server "$tmp/copy"
stop_nbdkit server
