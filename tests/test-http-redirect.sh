#!/usr/bin/env bash
# Redirects are followed, to an end; a target that expires is asked for again.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave srv

for code in 301 302 303 307 308; do
  works "$(bad srv redirect/$code/plain)"
done
works "$(bad srv redirect-relative/redirect/302/plain)"

# A presigned URL that expires after three requests, in whatever way: it is
# forgotten, and asked for again.
for how in 400 403 404 410 503 reset-at-once; do
  forget_requests srv
  works "$(bad srv "presigned/$how")" readahead=0
  [ "$(requests srv /presigned)" -gt 1 ] ||
    fail "$how: the redirect was not asked again"
done

port=$(cat "$tmp/srv/port")
for path in redirect-loop redirect-ever-on redirect-nowhere redirect-file \
            redirect-garbage; do
  forget_requests srv
  refused "http://127.0.0.1:$port/.*redirect" "$(bad srv $path)" fetch-retries=1
  [ "$(requests srv)" -le 120 ] || fail "$path: followed without end"
  never_wrong "$(bad srv later/$path)" fetch-retries=1
done
