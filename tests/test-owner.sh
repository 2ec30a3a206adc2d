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

# A directory that was moved under a server, which has made place for another:
# what the first one saves at its end is not that one's.
make_image "$tmp/one" 1M 1
make_image "$tmp/two" 1M 2
start_tiercache one "$tmp/one" cache-dir="$tmp/moving" cache-size=16M
same_bytes one "$tmp/one"
mv "$tmp/moving" "$tmp/moved"
start_tiercache two "$tmp/two" cache-dir="$tmp/moving" cache-size=16M
same_bytes two "$tmp/two"
"$ctl" pin "$tmp/moving" "$tmp/two" >"$tmp/out"
cp "$tmp/moving/objects" "$tmp/objects"
stop_nbdkit one
cmp "$tmp/objects" "$tmp/moving/objects" || fail "another cache was written to"
grep -q "$tmp/moving: is not the directory any more" "$tmp/one.log" ||
  fail "no word of the directory that was moved"
same_bytes two "$tmp/two"
stop_nbdkit two
