#!/usr/bin/env bash
# After a restart nothing is fetched again: the image is spoilt behind the
# plugin's back, so that a byte read from it would show.

. "${abs_top_srcdir:-.}/tests/functions.sh"

for compress in lz4 none; do
  make_image "$tmp/image" 24M 3
  cp "$tmp/image" "$tmp/copy"
  params=("$tmp/image" "cache-dir=$tmp/cache-$compress" cache-size=256M
          "cache-compress=$compress")

  start_tiercache server "${params[@]}"
  same_bytes server "$tmp/copy"
  stop_nbdkit server
  spoil_image "$tmp/image"

  start_tiercache server "${params[@]}"
  same_bytes server "$tmp/copy"
  stop_nbdkit server
done
