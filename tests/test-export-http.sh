#!/usr/bin/env bash
# A directory on a web server: nginx's index as HTML and JSON, a list of
# names, and indexes that are none.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/export.sh"
requires nginx -v

mkdir -p "$tmp/www/vms/sub" "$tmp/www/list" "$tmp/www/bad"
name='two 100%25 #?&;:ä.img'
make_image "$tmp/www/vms/one.img" 1M 1
make_image "$tmp/www/vms/$name" 1M 2
make_image "$tmp/www/secret" 64K 3
cp "$tmp/www/vms/one.img" "$tmp/www/list/"
printf 'one.img\r\n../secret\n/etc/passwd\n\n%%2e%%2e\none.img\n' \
  >"$tmp/www/list/names"
head -c 2M /dev/zero | tr '\0' 'x' >"$tmp/www/bad/large"
head -c 1000 /dev/zero >"$tmp/www/bad/zeros"
echo '[{"name": "x"' >"$tmp/www/bad/json"
cat >"$tmp/nginx.conf" <<EOF2
daemon off; user root; worker_processes 1;
pid $tmp/nginx.pid; error_log $tmp/nginx.log;
events { }
http {
  access_log off; default_type application/octet-stream;
  client_body_temp_path $tmp/n1; proxy_temp_path $tmp/n2;
  fastcgi_temp_path $tmp/n3; uwsgi_temp_path $tmp/n4; scgi_temp_path $tmp/n5;
  server {
    listen 127.0.0.1:PORT; root $tmp/www;
    location /vms/ { autoindex on; }
    location /json/ { alias $tmp/www/vms/; autoindex on;
                      autoindex_format json; }
    location = /list/ { try_files /list/names =404; }
    location = /large/ { try_files /bad/large =404; }
    location = /zeros/ { try_files /bad/zeros =404; }
    location = /broken/ { try_files /bad/json =404; }
    location = /moved/ { return 301 /vms/; }
    location = /private/ { if (\$http_x_token != "let me in") { return 403; }
                           try_files /list/names =404; }
    location = /private/one.img {
      if (\$http_x_token != "let me in") { return 403; }
      try_files /list/one.img =404; }
  }
}
EOF2
if [ "$(id -u)" -ne 0 ]; then
  sed -i 's/ user root;//' "$tmp/nginx.conf"
fi
nginx_is_up ()
{
  curl -sf -o /dev/null "http://127.0.0.1:$port/secret"
}
for port in $(shuf -i 20000-30000 -n 5); do
  sed -i -E "s/127.0.0.1:(PORT|[0-9]+)/127.0.0.1:$port/" "$tmp/nginx.conf"
  nginx -c "$tmp/nginx.conf" >"$tmp/nginx.out" 2>&1 &
  pid=$!
  if wait_for 10 nginx_is_up; then
    break
  fi
  wait_for 10 ended "$pid" || kill "$pid"
done
nginx_is_up || fail "nginx did not come up"
cleanup_fn kill "$pid"
site=http://127.0.0.1:$port

names ()
{
  nbdinfo --list --json "$(uri server)" |
    jq -r '.exports[] | .["export-name"]'
}

for place in vms json; do
  start_tiercache server "$site/$place/" cache-dir="$tmp/cache" cache-size=64M
  names >"$tmp/names"
  printf '%s\n' one.img "$name" | diff - "$tmp/names" ||
    fail "the list of /$place/ is another"
  python3 - "$tmp/server.sock" "$name" "$tmp/www/vms/$name" <<'PYTHON'
import nbd, sys
h = nbd.NBD()
h.set_export_name(sys.argv[2])
h.connect_unix(sys.argv[1])
with open(sys.argv[3], "rb") as f:
    assert h.pread(h.get_size(), 0) == f.read()
h = nbd.NBD()
try:
    h.connect_unix(sys.argv[1])
    raise SystemExit("there is a default export of two")
except nbd.Error:
    pass
PYTHON
  no_way_out server one.img
  stop_nbdkit server
done

# Plain names, the only one of which is the default; headers go along.
start_tiercache server "$site/list/" cache-dir="$tmp/cache" cache-size=64M
[ "$(names)" = one.img ] || fail "the list of plain names is another"
same_bytes server "$tmp/www/vms/one.img"
no_way_out server one.img
stop_nbdkit server
start_tiercache server "$site/private/" cache-dir="$tmp/cache" \
  cache-size=64M header='X-Token: let me in'
same_bytes server "$tmp/www/vms/one.img"
stop_nbdkit server

common=(cache-dir="$tmp/cache" cache-size=64M fetch-retries=0)
refused 'status 403' "$site/private/" "${common[@]}"
refused 'status 404' "$site/nothing/" "${common[@]}"
refused 'the server redirects' "$site/moved/" "${common[@]}"
refused 'larger than 1 MiB' "$site/large/" "${common[@]}"
refused 'is not a listing' "$site/zeros/" "${common[@]}"
refused 'not JSON' "$site/broken/" "${common[@]}"
refused 'cannot list the directory' "http://127.0.0.1:1/" "${common[@]}"
