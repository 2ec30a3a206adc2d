#!/usr/bin/env bash
# A budget too small for sixteen blocks is refused, by name and with what
# would do; the least that is accepted works.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 9M
cache=cache-dir=$tmp/cache
refused 'cache-size.*' "$tmp/image" "$cache" cache-size=64K
refused 'cache-size.*' "$tmp/image" "$cache" cache-size=1M
refused 'cache-size.*' "$tmp/image" "$cache" cache-size=60M \
  cache-block-size=4M

# The smallest budget that works, to a page.
low=0 high=$((4 << 20))
while [ $((high - low)) -gt 4096 ]; do
  size=$(((low + high) / 2))
  if "${nbdkit_command[@]}" -U - "$plugin" "$tmp/image" \
       cache-dir="$tmp/cache-$size" cache-size=$size \
       --run "nbdinfo --size \$uri" >>"$tmp/search.log" 2>&1; then
    high=$size
  else
    low=$size
  fi
done
[ $high -gt $((16 << 16)) ] || fail "$high bytes do not hold sixteen blocks"
start_tiercache server "$tmp/image" "$cache-least" cache-size=$high
same_bytes server "$tmp/image"
same_bytes server "$tmp/image"
used=$(du -s --block-size=1 "$tmp/cache-least" | cut -f 1)
[ "$used" -le $high ] || fail "$used bytes on disk with a budget of $high"
stop_nbdkit server
