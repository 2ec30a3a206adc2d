#!/usr/bin/env bash
# stale-after opens without asking the origin; between it and expire-after the
# origin is asked behind the client's back; beyond both, first.

. "${abs_top_srcdir:-.}/tests/functions.sh"

params=("$tmp/image" cache-dir="$tmp/cache" cache-size=64M)

make_image "$tmp/image" 2M 1
cp "$tmp/image" "$tmp/one"
touch -d 2001-01-01 "$tmp/image"
start_tiercache server "${params[@]}"
# Holes too: what an export says of them is not kept.
nbdcopy --no-extents "$(uri server)" - | cmp - "$tmp/one"
stop_nbdkit server

make_image "$tmp/image" 2M 2

# Younger than stale-after: the version that is cached, and nothing is asked.
start_tiercache server "${params[@]}" stale-after=1h expire-after=2h
same_bytes server "$tmp/one"
same_bytes server "$tmp/one"
stop_nbdkit server

# Older: the cached version at once, and the new one soon after.
is_new ()
{
  nbdcopy "$(uri server)" - | cmp -s - "$tmp/image"
}
start_tiercache server "${params[@]}" stale-after=0 expire-after=2h
same_bytes server "$tmp/one"
wait_for 60 is_new || fail "the new version is never seen"
stop_nbdkit server

# By default: always ask first.
make_image "$tmp/image" 2M 3
start_tiercache server "${params[@]}"
same_bytes server "$tmp/image"
stop_nbdkit server
