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

# The range there is, and the server says there is not: whatever size it
# names.
for size in right none; do
  refused "HTTP status 416" "$(bad srv unsatisfied/$size)"
  fails_reading "HTTP status 416" "$(bad srv later/unsatisfied/$size)"
done
refused "HTTP status 416" "$(bad srv unsatisfied/other)"
fails_reading "its size is another" "$(bad srv later/unsatisfied/other)"

# The answer is in the header: a body that has no end is not waited for.
before=$(now_ms)
for how in stall drip; do
  for status in 404 503; do
    refused "HTTP status $status" "$(bad srv refused/$status/$how)" \
            fetch-timeout=1h fetch-retries=0
    fails_reading "HTTP status $status" \
                  "$(bad srv later/refused/$status/$how)" \
                  fetch-timeout=1h fetch-retries=0
  done
done
[ $(($(now_ms) - before)) -le 1800000 ] || fail "waited for the bodies"

# What fails now and then is not noticed.
works "$(bad srv every/3/status/500)"
