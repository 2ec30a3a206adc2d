#!/usr/bin/env bash
# What was read before a restart is served from the cache: the server is
# asked for the version, and for no data.  A new version is seen.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

start_nginx
make_image "$image" 8M 1
cp "$image" "$www/image"
touch -d 2020-01-01 "$www/image"

works "$nginx/image"
nginx_forget
works "$nginx/image"
bytes=$(nginx_requests | sum_bytes)
[ "$bytes" -le 16 ] || fail "$bytes bytes asked for again"

# The same object by a presigned URL, that of the next day.
nginx_forget
works "$nginx/image?X-Amz-Signature=today&X-Amz-Date=1" cache-dir="$tmp/c"
works "$nginx/image?X-Amz-Signature=tomorrow&X-Amz-Date=2" cache-dir="$tmp/c"
bytes=$(nginx_requests | sum_bytes)
size=$(stat -c %s "$image")
[ "$bytes" -le $((size + size / 50)) ] || fail "$bytes bytes for $size"

make_image "$image" 8M 2
cp "$image" "$www/image.new"
mv "$www/image.new" "$www/image"
works "$nginx/image"
