#!/usr/bin/env bash
# Redirects are followed, to an end; a target that expires is asked for again.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 4M
start_misbehave srv

for code in 301 302 303 307 308; do
  works "$(bad srv redirect/$code/plain)"
done
works "$(bad srv redirect-relative/redirect/302/plain)"

# A presigned URL that expires after three requests.
works "$(bad srv presigned)"
[ "$(requests srv /presigned)" -gt 1 ] || fail "the redirect was not asked again"

port=$(cat "$tmp/srv/port")
for path in redirect-loop redirect-ever-on redirect-nowhere redirect-file \
            redirect-garbage; do
  forget_requests srv
  refused "http://127.0.0.1:$port/.*redirect" "$(bad srv $path)" fetch-retries=1
  [ "$(requests srv)" -le 120 ] || fail "$path: followed without end"
  never_wrong "$(bad srv later/$path)" fetch-retries=1
done
