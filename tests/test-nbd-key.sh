#!/usr/bin/env bash
# What is cached of an NBD server dies with the process, unless cache-key=
# says which version it is.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 6M
make_image "$tmp/other" 6M 2
common=(cache-size=64M)

read_all ()
{
  nbdcopy --no-extents "$(uri "$1")" - | cmp - "$2" ||
    fail "export $1 differs from $2"
}

# once NAME FILE PARAMETER...: serves FILE, reads all of it.
once ()
{
  local file=$1 expect=$2
  shift 2
  start_nbdkit far file "$file"
  start_tiercache server "$(uri far)" "${common[@]}" "$@"
  read_all server "$expect"
  stop_nbdkit server
  stop_nbdkit far
}

# Without a key a new process asks again.
once "$tmp/image" "$tmp/image" cache-dir="$tmp/cache"
once "$tmp/other" "$tmp/other" cache-dir="$tmp/cache"

# With one it believes it; another key is another version.
once "$tmp/image" "$tmp/image" cache-dir="$tmp/kept" cache-key=one
once "$tmp/other" "$tmp/image" cache-dir="$tmp/kept" cache-key=one
once "$tmp/other" "$tmp/other" cache-dir="$tmp/kept" cache-key=two

# Another size is another version under the same key, too.
truncate -s 7M "$tmp/other"
once "$tmp/other" "$tmp/other" cache-dir="$tmp/kept" cache-key=two

# And it is served when the server is away.
start_tiercache server "$(uri far)" "${common[@]}" cache-dir="$tmp/kept" \
  cache-key=two
read_all server "$tmp/other"
stop_nbdkit server
grep -q 'serving what is cached' "$tmp/server.log" ||
  fail "nobody was told that the server is away"
refused 'cannot connect' "$(uri far)" "${common[@]}" cache-dir="$tmp/kept" \
  cache-key=two offline=fail fetch-retries=0
