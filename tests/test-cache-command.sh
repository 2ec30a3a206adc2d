#!/usr/bin/env bash
# NBD_CMD_CACHE brings data into the cache; what it brought is read without
# the origin.

. "${abs_top_srcdir:-.}/tests/functions.sh"

requires jq --version

has_all ()
{
  [ "$("$ctl" list --json "$tmp/cache" | jq .blocks)" = 64 ]
}

make_image "$tmp/image" 4M
cp "$tmp/image" "$tmp/copy"
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M
nbdsh -u "$(uri server)" -c '
assert h.can_cache ()
h.cache (1 << 20, 0)
h.cache (3 << 20, 1 << 20)
h.cache (1 << 20, 0)
'
wait_for 60 has_all || fail "not all was stored"
spoil_image "$tmp/image"
same_bytes server "$tmp/copy"
stop_nbdkit server
