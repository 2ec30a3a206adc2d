#!/usr/bin/env bash
# A permanent answer is an error at once; a failing server is asked
# fetch-retries times more, and no more often.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave srv

# expect_requests N: made since the last time.
expect_requests ()
{
  local n
  n=$(requests srv)
  [ "$n" -eq "$1" ] || fail "$n requests where $1 were expected"
  forget_requests srv
}

for status in 400 401 403 404 410 416 451; do
  refused "http://127.0.0.1.*HTTP status $status" "$(bad srv status/$status)"
  expect_requests 1

  fails_reading "HTTP status $status" "$(bad srv later/status/$status)"
  # The first byte, and then one request for each of the blocks read.
  expect_requests 4
done

for status in 500 502 503 504 429 408; do
  refused "http://127.0.0.1.*HTTP status $status" "$(bad srv status/$status)" \
          fetch-retries=2
  expect_requests 3
done

fails_reading "HTTP status 500" "$(bad srv later/status/500)" fetch-retries=1
expect_requests 7

# What fails now and then is not noticed.
works "$(bad srv every/3/status/500)"
