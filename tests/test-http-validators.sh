#!/usr/bin/env bash
# Whatever a server says of versions, the bytes are right; what is cached is
# kept for the next start exactly when versions can be told apart.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave srv

# twice ETAG: data requests of a second start, in $second.
twice ()
{
  works "$(bad srv "etag/$1/plain")" cache-dir="$tmp/$1"
  forget_requests srv
  works "$(bad srv "etag/$1/plain")" cache-dir="$tmp/$1"
  second=$(data_requests srv)
}

for etag in strong weak none empty odd huge; do
  twice $etag
  [ "$second" -eq 0 ] || fail "ETag $etag: $second requests for what is cached"
done
twice bare
[ "$second" -gt 0 ] || fail "served without knowing the version"

# Clocks in the past, on either side of the object's time.
for etag in strong none; do
  works "$(bad srv "etag/$etag/clock/plain")"
done
