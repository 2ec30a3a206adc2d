#!/usr/bin/env bash
# cache-key names the object instead of its path: another path to the same
# version finds what is cached.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 5M
cp "$tmp/image" "$tmp/copy"
ln "$tmp/image" "$tmp/elsewhere"
common=(cache-dir="$tmp/cache" cache-size=64M)

start_tiercache server "$tmp/image" "${common[@]}" cache-key=golden
same_bytes server "$tmp/copy"
stop_nbdkit server
spoil_image "$tmp/image"

start_tiercache server "$tmp/elsewhere" "${common[@]}" cache-key=golden
same_bytes server "$tmp/copy"
stop_nbdkit server

# Under another key nothing is known of it.
start_tiercache server "$tmp/elsewhere" "${common[@]}" cache-key=silver
same_bytes server "$tmp/image"
stop_nbdkit server
