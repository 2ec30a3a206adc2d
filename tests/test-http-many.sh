#!/usr/bin/env bash
# Several clients at once over one slow server: each gets right bytes, and
# no byte is asked for twice.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

start_nginx
make_image "$image" 16M
cp "$image" "$www/image"

start_tiercache many "$nginx/slow/image" progress=4M
copies=()
for _ in 1 2 3 4; do
  nbdcopy "$(uri many)" - > >(cmp - "$image") &
  copies+=($!)
done
for copy in "${copies[@]}"; do
  wait "$copy" || fail "a copy failed"
done
same_bytes many "$image"
stop_nbdkit many
bytes=$(nginx_requests | sum_bytes)
size=$(stat -c %s "$image")
echo "four readers: $bytes bytes for $size"
[ $((bytes * 100)) -le $((size * 102)) ] || fail "asked for twice"
grep -q "fetched .*MiB" "$tmp/many.log" || fail "no progress in the log"
