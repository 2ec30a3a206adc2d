#!/usr/bin/env bash
# One slow connection does not hold up the rest: what makes no progress is
# asked for again on another, long before it times out.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 4M
start_misbehave srv

for path in first/1/stall first/1/silent every/9/drip every/9/stall; do
  works "$(bad srv $path)" fetch-timeout=1h
done
