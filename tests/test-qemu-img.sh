#!/usr/bin/env bash
# The tools that images are copied and compared with read the export: qemu-img
# compare, convert, and a copy-on-write image over it; nbdcopy with several
# connections, to a file and into another server.  Of the plugin, and of the
# filter in both of its ways of reading.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

make_image "$tmp/image" 24M
nbd=$(uri server)

for way in "${ways[@]}"; do
  rm -rf "$tmp/cache"
  start_way "$way" server "$tmp/image" "$tmp/cache" 256M
  qemu-img convert -f raw -O qcow2 "$nbd" "$tmp/copy.qcow2"
  qemu-img compare -f qcow2 -F raw "$tmp/copy.qcow2" "$tmp/image" ||
    fail "$way: qemu-img converts to something else"
  qemu-img compare -f raw -F raw "$tmp/image" "$nbd" ||
    fail "$way: warm: qemu-img sees a difference"
  stop_nbdkit server

  rm -rf "$tmp/cache"
  start_way "$way" server "$tmp/image" "$tmp/cache" 256M
  rm -f "$tmp/flat"
  nbdcopy --connections=4 --requests=64 "$nbd" "$tmp/flat"
  cmp "$tmp/flat" "$tmp/image" || fail "$way: nbdcopy's file differs"
  start_nbdkit sink memory 24M
  nbdcopy --connections=4 "$nbd" "$(uri sink)"
  same_bytes sink "$tmp/image"
  stop_nbdkit sink

  cp --sparse=always "$tmp/image" "$tmp/changed"
  rm -f "$tmp/over.qcow2"
  qemu-img create -q -f qcow2 -F raw -b "$nbd" "$tmp/over.qcow2"
  qemu-io -f qcow2 -c 'write -P 7 1M 64k' "$tmp/over.qcow2" >/dev/null
  qemu-io -f raw -c 'write -P 7 1M 64k' "$tmp/changed" >/dev/null
  qemu-img convert -f qcow2 -O raw "$tmp/over.qcow2" "$tmp/flat"
  cmp "$tmp/flat" "$tmp/changed" ||
    fail "$way: the copy-on-write image differs"
  stop_nbdkit server
  echo "$way"
done
