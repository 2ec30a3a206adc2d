#!/usr/bin/env bash
# A file system that cannot punch holes cannot hold a cache: an error that
# says so and what can.

. "${abs_top_srcdir:-.}/tests/functions.sh"

requires_root

mkdir "$tmp/ramfs"
mount -t ramfs none "$tmp/ramfs"
cleanup_fn unmount "$tmp/ramfs"
truncate -s 1M "$tmp/ramfs/probe"
if fallocate -p -o 0 -l 4096 "$tmp/ramfs/probe" 2>/dev/null; then
  fail "this file system can punch holes"
fi
rm "$tmp/ramfs/probe"

make_image "$tmp/image" 1M
refused "$tmp/ramfs/c.*punch holes.*ext4" "$tmp/image" \
  cache-dir="$tmp/ramfs/c" cache-size=128M
refused "$tmp/ramfs.*punch holes.*ext4" "$tmp/image" \
  cache-dir="$tmp/ramfs" cache-size=128M
