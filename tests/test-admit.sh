#!/usr/bin/env bash
# cache-admit=auto: what is read once and is more than the cache holds comes
# right, and pushes out less of what the cache holds.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires nbdcopy --version

make_image "$tmp/image" 96M
evicted ()
{
  nbdkit -v -D tiercache.cache=1 -U - "$plugin" "$tmp/image" \
    cache-dir="$tmp/$1" cache-size=16M cache-compress=none cache-admit="$1" \
    cache-goal=bytes readahead=0 \
    --run "nbdcopy --requests=4 --connections=1 \"\$uri\" $tmp/copy.$1" \
    2>"$tmp/log.$1"
  cmp "$tmp/image" "$tmp/copy.$1"
  grep -c 'evict: .* for room' "$tmp/log.$1" || :
}
always=$(evicted always)
auto=$(evicted auto)
[ "$always" -gt 500 ] || fail "only $always blocks evicted"
[ "$auto" -lt $((always / 2)) ] || fail "$auto of $always blocks evicted"
