#!/usr/bin/env bash
# Images of odd lengths, down to a single byte: the last block is partial.

. "${abs_top_srcdir:-.}/tests/functions.sh"

for size in 1 511 512 4097 65535 65536 65537 1048577 3333333; do
  make_image "$tmp/image" $size $size
  for _ in cold warm; do
    start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M
    [ "$(nbdinfo --size "$(uri server)")" -eq $size ] ||
      fail "the size is not $size"
    same_bytes server "$tmp/image"
    stop_nbdkit server
  done
done
