#!/usr/bin/env bash
# A cache on a file system that cannot punch holes.

. "${abs_top_srcdir:-.}/tests/functions.sh"

requires_root

mkdir "$tmp/ramfs"
mount -t ramfs none "$tmp/ramfs"
cleanup_fn unmount "$tmp/ramfs"
chmod 755 "$tmp/ramfs"
truncate -s 1M "$tmp/ramfs/probe"
if fallocate -p -o 0 -l 4096 "$tmp/ramfs/probe" 2>/dev/null; then
  fail "this file system can punch holes"
fi
rm "$tmp/ramfs/probe"

make_image "$tmp/image" 40M
cp "$tmp/image" "$tmp/copy"

# With room for all of it, it is a cache as good as any.
start_tiercache server "$tmp/image" cache-dir="$tmp/ramfs/c" cache-size=128M
same_bytes server "$tmp/copy"
stop_nbdkit server
spoil_image "$tmp/image"
start_tiercache server "$tmp/image" cache-dir="$tmp/ramfs/c" cache-size=128M
same_bytes server "$tmp/copy"
stop_nbdkit server

# And with room for an eighth of it, what it serves is right.
cp "$tmp/copy" "$tmp/image"
start_tiercache server "$tmp/image" cache-dir="$tmp/ramfs/d" cache-size=5M \
  cache-block-size=16K
same_bytes server "$tmp/copy"
same_bytes server "$tmp/copy"
stop_nbdkit server
