#!/usr/bin/env bash
# One process owns a cache directory: a second one is told which.  A process
# that died without giving it back owns nothing.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 4M
params=("$tmp/image" cache-dir="$tmp/cache" cache-size=64M)

start_tiercache first "${params[@]}"
same_bytes first "$tmp/image"
pid=${server_pid[first]}
refused "$tmp/cache.*$pid: give another directory" "${params[@]}"
same_bytes first "$tmp/image"
: >"$tmp/cache/lock"
refused "$tmp/cache is in use by another process" "${params[@]}"
kill_nbdkit first

start_tiercache second "${params[@]}"
same_bytes second "$tmp/image"
stop_nbdkit second

# A pid without a lock means nothing, be its process alive or not a number.
for left in $$ 1 0 -1 4294967297 garbage ''; do
  printf '%s\n' "$left" >"$tmp/cache/lock"
  start_tiercache third "${params[@]}"
  same_bytes third "$tmp/image"
  stop_nbdkit third
done
