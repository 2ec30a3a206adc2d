#!/usr/bin/env bash
# With -v and -D the log shows hits, misses, fetches and stores; without, it
# is silent.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 2M
flags=()
for flag in hit cache fetch origin readahead replay; do
  flags+=(-D "tiercache.$flag=1")
done
start_nbdkit loud -v "${flags[@]}" "$plugin" "$tmp/image" \
  cache-dir="$tmp/cache" cache-size=64M
same_bytes loud "$tmp/image"
same_bytes loud "$tmp/image"
stop_nbdkit loud
for what in 'hit: .*miss' 'hit: .*hit' 'fetch: ' 'origin: '; do
  grep -q "debug: .*$what" "$tmp/loud.log" || fail "no '$what' in the log"
done

start_tiercache quiet "$tmp/image" cache-dir="$tmp/cache" cache-size=64M
same_bytes quiet "$tmp/image"
stop_nbdkit quiet
[ ! -s "$tmp/quiet.log" ] || fail "the log says something unasked"
