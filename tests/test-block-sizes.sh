#!/usr/bin/env bash
# Every size of block, both ways to store them and both policies; a cache made
# with another block size is refused by name.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 9999999
for block in 4K 16K 64K 1M 4M; do
  for compress in lz4 none; do
    policy=lru
    [ $compress = lz4 ] || policy=weighted
    start_tiercache server "$tmp/image" cache-dir="$tmp/$block-$compress" \
      cache-size=256M cache-block-size=$block cache-compress=$compress \
      cache-policy=$policy
    same_bytes server "$tmp/image"
    same_bytes server "$tmp/image"
    stop_nbdkit server
  done
done

refused "$tmp/4K-lz4.*(4096|4K).*(65536|64K)|(65536|64K).*(4096|4K)" \
  "$tmp/image" cache-dir="$tmp/4K-lz4" cache-size=256M cache-block-size=64K
# It was left as it is.
start_tiercache server "$tmp/image" cache-dir="$tmp/4K-lz4" cache-size=256M \
  cache-block-size=4K
same_bytes server "$tmp/image"
stop_nbdkit server
