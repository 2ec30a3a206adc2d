#!/usr/bin/env bash
# What is pinned stays in the cache while ten times the budget is read, also
# after a restart and after the server was killed; an image of which nothing
# can be cached any more is served all the same.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/ctl.sh"

for n in small large other; do
  size=4M
  [ $n = small ] || size=40M
  head -c $size /dev/urandom >"$tmp/$n"
  cp "$tmp/$n" "$tmp/$n.copy"
done
cache=$tmp/cache

start ()
{
  start_tiercache server export=small="$tmp/small" export=large="$tmp/large" \
    export=other="$tmp/other" cache-dir="$cache" cache-size=12M \
    cache-compress=none
}

same_export ()
{
  nbdcopy "nbd+unix:///$1?socket=$tmp/server.sock" - | cmp - "$tmp/$1.copy" ||
    fail "$1: wrong bytes"
}

blocks_of ()
{
  listed "$cache" ".[] | select(.identity | endswith(\"/$1\")) | .blocks"
}

# What was read is stored in the background, as much of it as the disk keeps up
# with: it is read until enough is there.
other_is_back ()
{
  same_export other
  [ "$(blocks_of other)" -ge 64 ]
}

start
same_export small
ctl pin "$cache" "$tmp/small" >"$tmp/out"
for turn in 1 2 3; do
  same_export large
  same_export other
  [ "$(blocks_of small)" -eq 64 ] || fail "turn $turn: $(blocks_of small) blocks"
  case $turn in
    1) stop_nbdkit server ;;
    2) kill_nbdkit server ;;
    3) break ;;
  esac
  start
done
# Every byte of it comes from the cache.
spoil_image "$tmp/small"
same_export small
cp "$tmp/small.copy" "$tmp/spare"

# Now what is pinned would fill the budget several times.
ctl pin "$cache" "$tmp/large" >"$tmp/out"
same_export large
same_export large
there=$(blocks_of large)
echo "$there blocks of the large image are pinned"
[ "$there" -ge 64 ] || fail "hardly any of it was stored"
start=$(now_ms)
same_export other
echo "the other image was read in $(($(now_ms) - start)) ms"
[ "$(blocks_of other)" -le 8 ] || fail "$(blocks_of other) blocks of the other"
[ "$(blocks_of large)" -ge "$there" ] || fail "a pinned block has gone"
[ "$(blocks_of small)" -eq 64 ] || fail "the small image was not spared"
[ "$(du -s --block-size=1 "$cache" | cut -f 1)" -le $((12 << 20)) ] ||
  fail "more on disk than cache-size"

# Without the pins there is room again.
ctl unpin "$cache" "$tmp/large" >"$tmp/out"
ctl unpin "$cache" "$tmp/small" >"$tmp/out"
wait_for 60 other_is_back || fail "$(blocks_of other) blocks of the other"
stop_nbdkit server
