#!/usr/bin/env bash
# With the server out of reach, what is cached is served with a warning
# (offline=serve, the default) or nothing is (offline=fail).
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

start_nginx
make_image "$image" 4M
cp "$image" "$www/image"
touch -d 2020-01-01 "$www/image"
common=("$nginx/image" cache-dir="$tmp/cache" readahead=0 fetch-retries=0
        fetch-timeout=5s)

start_tiercache live "${common[@]}"
[ "$(read_blocks live 0 15)" = "16 0" ] || fail "not readable"
stop_nginx

# The export that was open, and one opened now.
[ "$(read_blocks live 0 15)" = "16 0" ] || fail "what is cached is not served"
[ "$(read_blocks live 16 17)" = "0 2" ] || fail "read from nowhere"
stop_nbdkit live
grep -q "http://127.0.0.1" "$tmp/live.log" || fail "no message"

start_tiercache serve "${common[@]}"
[ "$(read_blocks serve 0 17)" = "16 2" ] || fail "what is cached is not served"
stop_nbdkit serve
grep -qi "serving what is cached" "$tmp/serve.log" || fail "no warning"

refused "http://127.0.0.1" "${common[@]}" offline=fail

# Nothing is cached of another URL.
refused "http://127.0.0.1" "${common[0]}2" "${common[@]:1}"

# And the server comes back.
nginx_run || fail "nginx did not start again"
start_tiercache back "${common[@]}" offline=fail
same_bytes back "$image"
stop_nbdkit back
