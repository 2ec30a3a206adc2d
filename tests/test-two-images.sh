#!/usr/bin/env bash
# One cache directory for one image after the other: both stay cached in it.

. "${abs_top_srcdir:-.}/tests/functions.sh"

for i in 1 2; do
  make_image "$tmp/image$i" 5M $i
  cp "$tmp/image$i" "$tmp/copy$i"
  start_tiercache server "$tmp/image$i" cache-dir="$tmp/cache" cache-size=64M
  same_bytes server "$tmp/image$i"
  stop_nbdkit server
done
for i in 1 2; do
  spoil_image "$tmp/image$i"
  start_tiercache server "$tmp/image$i" cache-dir="$tmp/cache" cache-size=64M
  same_bytes server "$tmp/copy$i"
  stop_nbdkit server
done
