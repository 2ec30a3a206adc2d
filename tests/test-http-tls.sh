#!/usr/bin/env bash
# TLS is verified: the authority, the name, the time; and never left.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_certificates
start_nginx tls
make_image "$image" 4M
cp "$image" "$www/image"

works "$tls/image" cainfo="$tmp/tls/ca.pem"

refused "$tls/image.*(certificate|issuer)" "$tls/image"
refused "cainfo=$tmp/tls/missing.pem: .*No such file" "$tls/image" \
        cainfo="$tmp/tls/missing.pem"
refused "$tls/image.*certificates.*can't be read" "$tls/image" cainfo="$image"
refused "$tls_other/image.*(subject name|certificate)" "$tls_other/image" \
        cainfo="$tmp/tls/ca.pem"
refused "$tls_expired/image.*(expired|certificate)" "$tls_expired/image" \
        cainfo="$tmp/tls/ca.pem"

# Not to plain http, not even by redirect; and no TLS spoken to plain http.
refused "https://localhost.*(http:|redirect)" "$tls/to-http/image" \
        cainfo="$tmp/tls/ca.pem"
refused "https://127.0.0.1.*" "${nginx/http:/https:}/image" fetch-retries=0
