#!/usr/bin/env bash
# A budget too small for sixteen blocks is refused, with the least that would
# do; that is enough, and is held.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 9M

for block in 4K 64K 4M; do
  dir=$tmp/cache-$block
  params=("$tmp/image" cache-dir="$dir" cache-block-size="$block")
  for size in 0 1 4096 16383 16384 40000; do
    refused "$dir: .*cache size.*too small.*at least" "${params[@]}" \
      cache-size=$size
  done
  least=$(grep -oE 'at least [0-9]+' "$tmp/refused.log" | grep -oE '[0-9]+')
  [ "$least" -gt $((16 * $(numfmt --from=iec $block))) ] ||
    fail "$least bytes do not hold sixteen blocks of $block"
  refused 'too small' "${params[@]}" cache-size=$((least - 4096))

  start_tiercache server "${params[@]}" cache-size="$least"
  same_bytes server "$tmp/image"
  same_bytes server "$tmp/image"
  used=$(du -s --block-size=1 "$dir" | cut -f 1)
  [ "$used" -le "$least" ] || fail "$used bytes with a budget of $least"
  stop_nbdkit server
done
