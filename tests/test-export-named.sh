#!/usr/bin/env bash
# export=NAME=URL: images from anywhere in one server, with one cache.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/export.sh"

make_image "$tmp/one=1" 3M 1
make_image "$tmp/two" 3M 2
start_nbdkit far file "$tmp/two"

same ()
{
  nbdcopy --no-extents "nbd+unix:///$1?socket=$tmp/server.sock" - |
    cmp - "$2" || fail "export $1 differs"
}

start_tiercache server export="one=$tmp/one=1" export="two=$(uri far)" \
  cache-dir="$tmp/cache" cache-size=16M cache-key=set-1
nbdinfo --list --json "$(uri server)" |
  jq -r '.exports[] | .["export-name"]' >"$tmp/names"
printf '%s\n' one two | diff - "$tmp/names" || fail "the list is another"
same one "$tmp/one=1"
same two "$tmp/two"
for name in '' three one/ 'one=1'; do
  if nbdinfo --size "nbd+unix:///$name?socket=$tmp/server.sock" \
       >"$tmp/out" 2>&1; then
    fail "there is an export '$name'"
  fi
done
no_way_out server one
stop_nbdkit server

# One budget for both, and the key is one for each.
[ "$(du -s --block-size=1 "$tmp/cache" | cut -f 1)" -le $((16 << 20)) ] ||
  fail "the cache is larger than its size"
kill_nbdkit far
start_tiercache server export="two=$(uri far)" cache-dir="$tmp/cache" \
  cache-size=16M cache-key=set-1
same two "$tmp/two"
same '' "$tmp/two"
stop_nbdkit server

common=(cache-dir="$tmp/cache" cache-size=64M)
refused 'expected NAME=URL' export="$tmp/two" "${common[@]}"
refused 'not a usable name' export="=$tmp/two" "${common[@]}"
refused 'leads out of the directory' export="../x=$tmp/two" "${common[@]}"
refused 'was given already' export="a=$tmp/two" export="a=$tmp/two" \
  "${common[@]}"
refused 'give one of them' export="a=$tmp/two" url="$tmp/two" "${common[@]}"
refused 'is a directory' export="a=$tmp/" "${common[@]}"
refused 'unknown kind of URL' export="a=gopher://x/" "${common[@]}"
refused 'cache-dir: must be given' export="a=$tmp/two"
