#!/usr/bin/env bash
# SIGKILL in the middle of filling the cache over http: what is there
# afterwards is right, and is used.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

start_nginx
make_image "$image" 48M
cp "$image" "$www/image"
touch -d 2020-01-01 "$www/image"

asked_for ()
{
  [ "$(sum_bytes <"$tmp/nginx/access")" -ge "$1" ]
}

rounds="2 9 20 33"
if sanitized; then rounds="9"; fi
for mib in $rounds; do
  rm -rf "$tmp/cache"
  nginx_forget
  start_tiercache killed "$nginx/slow/image" cache-dir="$tmp/cache"
  nbdcopy "$(uri killed)" null: >"$tmp/copy.log" 2>&1 &
  copy=$!
  wait_for 60 asked_for $((mib << 20)) || fail "nothing is read"
  kill_nbdkit killed
  wait $copy || true

  start_tiercache again "$nginx/slow/image" cache-dir="$tmp/cache"
  same_bytes again "$image"
  stop_nbdkit again
done

# Killed while idle, everything is served from the cache.
start_tiercache idle "$nginx/slow/image" cache-dir="$tmp/cache"
same_bytes idle "$image"
kill_nbdkit idle
nginx_forget
start_tiercache after "$nginx/slow/image" cache-dir="$tmp/cache"
same_bytes after "$image"
stop_nbdkit after
bytes=$(nginx_requests | sum_bytes)
[ "$bytes" -le $((12 << 20)) ] || fail "$bytes bytes asked for again"
