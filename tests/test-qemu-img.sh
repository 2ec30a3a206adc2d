#!/usr/bin/env bash
# qemu's tools read the export: compare, and a copy-on-write image over it.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 24M
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=256M
nbd="nbd+unix:///?socket=$tmp/server.sock"

qemu-img compare -f raw -F raw "$tmp/image" "$nbd" ||
  fail "cold: qemu-img sees a difference"
qemu-img compare -f raw -F raw "$tmp/image" "$nbd" ||
  fail "warm: qemu-img sees a difference"

qemu-img create -q -f qcow2 -F raw -b "$nbd" "$tmp/over.qcow2"
qemu-io -f qcow2 -c 'write -P 7 1M 64k' "$tmp/over.qcow2" >/dev/null
qemu-io -f raw -c 'write -P 7 1M 64k' "$tmp/image" >/dev/null
qemu-img convert -f qcow2 -O raw "$tmp/over.qcow2" "$tmp/flat"
cmp "$tmp/flat" "$tmp/image" || fail "the copy-on-write image differs"
stop_nbdkit server
