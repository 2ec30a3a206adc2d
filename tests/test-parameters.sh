#!/usr/bin/env bash
# Parameters that are nonsense are refused, by name and with what they take.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 1M
good=("$tmp/image" "cache-dir=$tmp/cache")

for bad in x -1 1Z 10GB "" 99999999999999999999; do
  refused "cache-size=$bad: .*(size|between|bytes)" "${good[@]}" "cache-size=$bad"
done
for bad in x 0 4095 4097 2K 8M 96K; do
  refused "cache-block-size=$bad: .*(size|between|power of two)" \
    "${good[@]}" "cache-block-size=$bad"
done
refused 'cache-compress=gzip: .*lz4.*none' "${good[@]}" cache-compress=gzip
refused 'cache-policy=best: .*weighted.*lru' "${good[@]}" cache-policy=best
refused 'cache-admit=never: .*always.*auto' "${good[@]}" cache-admit=never
refused 'cache-goal=money: .*time.*bytes' "${good[@]}" cache-goal=money
refused 'offline=maybe: .*serve.*fail' "${good[@]}" offline=maybe
for name in stale-after expire-after fetch-timeout; do
  for bad in soon -1 5x ""; do
    refused "$name=$bad: .*time" "${good[@]}" "$name=$bad"
  done
done
for bad in 0 x -1 100000 ""; do
  refused "connections=$bad: .*number" "${good[@]}" "connections=$bad"
done
for bad in x -1 100000000 ""; do
  refused "fetch-retries=$bad: .*number" "${good[@]}" "fetch-retries=$bad"
done
for name in readahead progress; do
  for bad in x -1 1Z; do
    refused "$name=$bad: .*size" "${good[@]}" "$name=$bad"
  done
done
refused 'header=.*NAME: *VALUE' "${good[@]}" header=nocolon
refused 'password' "${good[@]}" password=+"$tmp/nothere"
refused "cainfo=$tmp/nothere: .*No such file" "${good[@]}" \
  cainfo="$tmp/nothere"
refused "unknown parameter '?colour" "${good[@]}" colour=blue
refused 'url.*(required|missing|must)|(required|missing|must).*url' \
  cache-dir="$tmp/cache"
refused 'url' "${good[@]}" url="$tmp/image"
refused 'gopher' gopher://example.com/x cache-dir="$tmp/cache"
refused 'http' http:// cache-dir="$tmp/cache"
