#!/usr/bin/env bash
# A proxy named by the environment is used, as by any program with libcurl.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave proxy
export http_proxy
http_proxy=http://127.0.0.1:$(cat "$tmp/proxy/port")
works http://image.example/plain/image
[ "$(requests proxy 'GET http://image.example/plain/image')" -gt 0 ] ||
  fail "the proxy was not asked"
