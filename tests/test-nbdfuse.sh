#!/usr/bin/env bash
# An ext4 image mounted through nbdfuse and a loop device: every file has its
# checksum, and the file system is sound.

. "${abs_top_srcdir:-.}/tests/functions.sh"

requires_root
requires test -c /dev/fuse

make_tree "$tmp/tree"
make_ext4 "$tmp/image" 96M "$tmp/tree"
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=256M

mkdir "$tmp/fuse" "$tmp/mnt"
nbdfuse -r "$tmp/fuse/nbd" "$(uri server)" >"$tmp/nbdfuse.log" 2>&1 &
fuse=$!
cleanup_fn unmount "$tmp/fuse"
wait_for 60 test -f "$tmp/fuse/nbd" || fail "nbdfuse did not come up"
e2fsck -fn "$tmp/fuse/nbd" >"$tmp/fsck.log" 2>&1 || fail "e2fsck found errors"
mount -o loop,ro "$tmp/fuse/nbd" "$tmp/mnt"
cleanup_fn unmount "$tmp/mnt"

[ "$(tree_sum "$tmp/mnt")" = "$(tree_sum "$tmp/tree")" ] ||
  fail "files differ"

unmount "$tmp/mnt"
unmount "$tmp/fuse"
wait $fuse
stop_nbdkit server
