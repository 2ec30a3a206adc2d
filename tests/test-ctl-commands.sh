#!/usr/bin/env bash
# Each command on a directory that nobody has open, and over the control
# socket of the plugin and of the filter: the same answers.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/ctl.sh"

head -c 4M /dev/urandom >"$tmp/image"
cache=$tmp/cache

# start HOW: serves the image, or nobody does.
start ()
{
  case $1 in
    plugin)
      start_tiercache server "$tmp/image" cache-dir="$cache" cache-size=64M \
        cache-compress=none readahead=0
      ;;
    filter)
      start_nbdkit server --filter="$filter" file "$tmp/image" \
        tiercache-dir="$cache" tiercache-id=one tiercache-size=64M \
        tiercache-compress=none tiercache-readahead=0
      ;;
  esac
  [ "$1" = offline ] || wait_for 60 listens "$cache" || fail "$1: no socket"
}

stop ()
{
  [ "$1" = offline ] || stop_nbdkit server
}

has_blocks ()
{
  [ "$(listed "$cache" '.[0].blocks')" = "$1" ]
}

# evicts LEAST MOST [RANGE]: so many blocks.
evicts ()
{
  blocks=$(ctl evict --json "$cache" "$name" "${@:3}" | jq .blocks)
  [ "$blocks" -ge "$1" ] && [ "$blocks" -le "$2" ] ||
    fail "$how: evict ${*:3}: $blocks blocks"
}

for how in offline plugin filter; do
  rm -rf "$cache"
  case $how in
    filter) served=filter ;;
    *) served=plugin ;;
  esac
  start $served
  # All but the last MiB; the first one again, once it is there.
  nbdsh -u "$(uri server)" -c 'h.pread (3 << 20, 0)'
  wait_for 60 has_blocks 48 || fail "$how: not all was stored"
  nbdsh -u "$(uri server)" -c 'h.pread (1 << 20, 0)'
  stop $served
  start $how

  ctl list "$cache" >"$tmp/list"
  cat "$tmp/list"
  [ "$(wc -l <"$tmp/list")" -eq 2 ] || fail "$how: not one line for the object"
  expect_listed "[48,3145728,16,4194304,false,true]" "$cache" \
    'map([.blocks,.stored_bytes,.hits,.size,.pinned,.kept])[]|@json'
  name=$(listed "$cache" '.[0].identity')

  ctl verify "$cache" | grep -q '^48 blocks, 3.0 MiB on disk: 0 failed$' ||
    fail "$how: verify"
  flip_byte "$cache/data.0" $((70000))
  # The server has checked this piece before, and must do so again.
  ctl_fails 2 '^48 blocks, .*: 1 failed' verify "$cache" "$name"
  [ "$(ctl verify --json "$cache")" = \
      '{"blocks":47,"bytes":3080192,"failed":0}' ] || fail "$how: verify --json"
  ctl_fails 1 'nothing is known of nobody' verify "$cache" nobody

  ctl pin "$cache" "$name" | grep -qF "$name: pinned" || fail "$how: pin"
  expect_listed true "$cache" '.[0].pinned'
  ctl_fails 1 'is pinned: unpin it first' evict "$cache" "$name"
  ctl evict --all "$cache" | grep -q '^0 blocks' || fail "$how: evict --all"
  stop $how                     # the pin outlasts the server
  expect_listed true "$cache" '.[0].pinned'
  start $how
  expect_listed true "$cache" '.[0].pinned'
  [ "$(ctl unpin --json "$cache" "$name")" = \
      "{\"identity\":$(jq -n --arg n "$name" '$n'),\"pinned\":false}" ] ||
    fail "$how: unpin --json"

  before=$(du -s --block-size=1 "$cache" | cut -f 1)
  # One of the 48 blocks is gone, who knows which.
  evicts 15 16 2M+1M
  after=$(du -s --block-size=1 "$cache" | cut -f 1)
  [ "$after" -le $((before - 900000)) ] || fail "$how: the space is still taken"
  left=$((47 - blocks))
  evicts 0 1 0-64K
  left=$((left - blocks))
  evicts 15 16 1M-
  left=$((left - blocks))
  evicts $left $left
  expect_listed "" "$cache" '.[] | select(.blocks > 0) | .identity'
  ctl evict --all "$cache" >"$tmp/out"

  stop $how
  # And what was dropped is fetched again.
  start $served
  same_bytes server "$tmp/image"
  stop $served
  ! test -e "$cache/control" || fail "$how: a socket was left"
done

# A path, also a relative one, is as good as the identity.
rm -rf "$cache"
start plugin
same_bytes server "$tmp/image"
ctl pin "$cache" "$tmp/image" >"$tmp/out"
(cd "$tmp" && ctl unpin cache ./image) | grep -q "file:$tmp/image" ||
  fail "./image is not known"
stop plugin

# No control characters for a terminal, of 8 bits neither.
rm -rf "$cache"
ctl warm --cache-dir="$cache" --cache-key=$'a\e[2J\xc2\x9b2Jb' "$tmp/image" \
  >"$tmp/out"
ctl list "$cache" >>"$tmp/out"
[ "$(grep -c 'a?\[2J??2Jb' "$tmp/out")" -eq 2 ] || fail "$(cat -v "$tmp/out")"

# Command lines that are wrong, and directories that are no caches.
for line in "list" "list a b" "evict $cache" "evict --all $cache x" "pin $cache" \
              "verify --all $cache" "warm" "list --cache-dir=x $cache" \
              "evict $cache x 5" "evict $cache x 5-5" "evict $cache x 1X-2" \
              "warm --connections=0 $tmp/image" "warm --all $tmp/image" \
              "warm --cache-key= $tmp/image" "warm --header=x $tmp/image"; do
  # shellcheck disable=SC2086  # several words are meant
  ctl_fails 1 'tiercache-ctl warm URL' $line
done
mkdir "$tmp/empty"
for command in list verify "pin x" "evict --all"; do
  read -r word more <<<"$command"
  # shellcheck disable=SC2086
  ctl_fails 1 "$tmp/empty: is not a cache directory" $word "$tmp/empty" $more
  # shellcheck disable=SC2086
  ctl_fails 1 "$tmp/nothere" $word "$tmp/nothere" $more
done
[ -z "$(ls "$tmp/empty")" ] || fail "something was made in an empty directory"
