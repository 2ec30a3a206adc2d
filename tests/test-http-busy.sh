#!/usr/bin/env bash
# Bursts of 503 and 429 are got over, and Retry-After is heeded.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 4M
start_misbehave srv

works "$(bad srv first/4/busy/503/0)"
works "$(bad srv first/4/busy/429/0)"
works "$(bad srv every/5/busy/503/0)"

before=$(now_ms)
works "$(bad srv first/1/busy/503/2)"
[ $(($(now_ms) - before)) -ge 2000 ] || fail "Retry-After: 2 was not heeded"

# What is not a time says nothing.
for bad in -5 soon 99999999999999999999; do
  works "$(bad srv first/1/busy/503/$bad)"
done

# Not a server that wants to be left alone for a year, either.
fails_reading "HTTP status 503" "$(bad srv later/busy/503/31536000)" \
              fetch-retries=0
