# What the shell tests over http share: functions.sh, a real nginx, and the
# server that misbehaves.  All is on loopback and ends with the test.
# shellcheck shell=bash
# shellcheck source=tests/functions.sh
. "${abs_top_srcdir:-.}/tests/functions.sh"

unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
image=$tmp/image

# ---------------------------------------------------------------- nginx

# free_ports N: that many ports where nobody listens now.
free_ports ()
{
  python3 - "$1" <<'PYTHON'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[s.getsockname()[1] for s in held])
PYTHON
}

# start_nginx [tls]: serves $www as $nginx/NAME, and after 20 ms as
# $nginx/slow/NAME.  With tls also as $tls/NAME; $tls_other has a certificate
# for another name, $tls_expired one that has expired.
start_nginx ()
{
  requires nginx -v
  www=$tmp/www
  mkdir -p "$www" "$tmp/nginx"
  for _ in 1 2 3 4 5; do
    # A port can be taken between looking and listening.
    read -r -a nginx_ports < <(free_ports 4)
    nginx_configure "$@"
    if nginx_run; then
      nginx_urls
      return
    fi
  done
  fail "nginx did not start"
}

# shellcheck disable=SC2034  # they are for the tests
nginx_urls ()
{
  nginx=http://127.0.0.1:${nginx_ports[0]}
  tls=https://localhost:${nginx_ports[1]}
  tls_other=https://localhost:${nginx_ports[2]}
  tls_expired=https://localhost:${nginx_ports[3]}
}

# In one process, which is easily stopped.
nginx_run ()
{
  nginx -p "$tmp/nginx" -c "$tmp/nginx.conf" -e "$tmp/nginx.log" \
      >>"$tmp/nginx.log" 2>&1 </dev/null &
  server_pid[nginx]=$!
  wait_for 30 nginx_is_up_or_gone &&
    [ "$(nginx_says token)" = "$tmp" ]
}

nginx_says ()
{
  curl -sS --max-time 10 "http://127.0.0.1:${nginx_ports[0]}/$1" 2>/dev/null
}

nginx_is_up_or_gone ()
{
  [ "$(nginx_says token)" = "$tmp" ] || ended "${server_pid[nginx]}"
}

stop_nginx ()
{
  kill -TERM "${server_pid[nginx]}"
  wait_for 60 ended "${server_pid[nginx]}" || fail "nginx does not end"
  wait "${server_pid[nginx]}" || true
  unset "server_pid[nginx]"
}

nginx_configure ()
{
  local modules

  modules=$(nginx -V 2>&1 | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')
  requires test -f "$modules/ngx_http_lua_module.so"
  cat >"$tmp/nginx.conf" <<CONF
load_module $modules/ndk_http_module.so;
load_module $modules/ngx_http_lua_module.so;
daemon off;
master_process off;
pid $tmp/nginx/pid;
events { worker_connections 512; }
http {
  log_format counted '\$request_method \$status \$body_bytes_sent \$http_range \$uri';
  access_log $tmp/nginx/access counted;
  client_body_temp_path $tmp/nginx/body;
  proxy_temp_path $tmp/nginx/proxy;
  fastcgi_temp_path $tmp/nginx/fastcgi;
  uwsgi_temp_path $tmp/nginx/uwsgi;
  scgi_temp_path $tmp/nginx/scgi;
  default_type application/octet-stream;
  keepalive_requests 1000000;
  root $www;
  server {
    listen 127.0.0.1:${nginx_ports[0]};
    location /token { return 200 "$tmp"; }
    location /slow/ {
      access_by_lua_block { ngx.sleep(0.02) }
      alias $www/;
    }
  }
$(if [ "${1:-}" = tls ]; then nginx_tls; fi)
}
CONF
}

nginx_tls ()
{
  local i=0 name

  for name in good other expired; do
    i=$((i + 1))
    cat <<CONF
  server {
    listen 127.0.0.1:${nginx_ports[i]} ssl;
    ssl_certificate $tmp/tls/$name.pem;
    ssl_certificate_key $tmp/tls/$name.key;
    location /to-http/ { return 302 http://127.0.0.1:${nginx_ports[0]}/; }
  }
CONF
  done
}

# make_certificates: $tmp/tls/ca.pem, and what start_nginx tls needs.
make_certificates ()
{
  local d=$tmp/tls

  requires openssl version
  mkdir "$d"
  : >"$d/index"
  cat >"$d/ca.conf" <<CONF
[ca]
default_ca = test
[test]
database = $d/index
new_certs_dir = $d
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
CONF
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj "/CN=test authority" -days 2 -keyout "$d/ca.key" -out "$d/ca.pem"
    certificate good localhost -days 2
    certificate other elsewhere.example -days 2
    certificate expired localhost -startdate 20200101000000Z \
        -enddate 20200102000000Z
  } >>"$tmp/openssl.log" 2>&1 || fail "openssl cannot make certificates"
}

# certificate FILE HOST OPTION...
certificate ()
{
  local d=$tmp/tls file=$1 host=$2
  shift 2
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -subj "/CN=$host" -addext "subjectAltName=DNS:$host" \
      -keyout "$d/$file.key" -out "$d/$file.csr"
  openssl ca -batch -config "$d/ca.conf" -cert "$d/ca.pem" \
      -keyfile "$d/ca.key" -in "$d/$file.csr" -out "$d/$file.pem" "$@"
}

# What nginx was asked for: "METHOD STATUS BYTES RANGE PATH" a line.  All
# that clients have been answered is in it: nginx is one process, and has
# written down what came before the mark.
nginx_requests ()
{
  local mark=mark-$RANDOM-$RANDOM

  nginx_says "$mark" >/dev/null
  wait_for 30 grep -q "/$mark" "$tmp/nginx/access" ||
    fail "nginx does not write its log"
  grep -vE '/(mark|token)' "$tmp/nginx/access" || true
}

nginx_forget ()
{
  nginx_requests >/dev/null
  : >"$tmp/nginx/access"
}

# Bytes of bodies, and requests, in nginx_requests' output.
sum_bytes ()
{
  awk '{ sum += $3 } END { print sum + 0 }'
}

# ---------------------------------------------------------------- misbehave

# start_misbehave NAME: serves $image; see misbehave.py.
start_misbehave ()
{
  mkdir "$tmp/$1"
  python3 "$abs_top_srcdir/tests/misbehave.py" "$image" "$tmp/$1" \
      >>"$tmp/$1.log" 2>&1 </dev/null &
  server_pid[$1]=$!
  wait_for 60 test -s "$tmp/$1/port" || fail "misbehave.py did not start"
}

# bad NAME PATH: the URL.
bad ()
{
  echo "http://127.0.0.1:$(cat "$tmp/$1/port")/$2/image"
}

# requests NAME [EXTENDED-REGEXP]: how many the server got that match.
requests ()
{
  grep -cE -- "${2:-.}" "$tmp/$1/requests" || true
}

forget_requests ()
{
  : >"$tmp/$1/requests"
}

# Those for more than the first byte.
data_requests ()
{
  grep -vcE 'range: bytes=0-0( |$)' "$tmp/$1/requests" || true
}

# becomes NAME STATE: the object does; see misbehave.py.
becomes ()
{
  echo "$2" >"$tmp/$1/state.new"
  mv "$tmp/$1/state.new" "$tmp/$1/state"
}

# ---------------------------------------------------------------- reading

# read_blocks NAME [FIRST LAST]: reads the export's blocks of 64 KiB, or
# some.  What can be read must be $image's bytes; says how many could and
# could not.  A message of nbdkit that can't be read is not one for its user.
read_blocks ()
{
  FIRST=${2:-0} LAST=${3:-1000000} IMAGE=$image \
    timeout -k 5 120 nbdsh -u "$(uri "$1")" -c '
import os, sys
size = h.get_size()
image = open(os.environ["IMAGE"], "rb")
right = failed = 0
for block in range(int(os.environ["FIRST"]), int(os.environ["LAST"]) + 1):
    at = block << 16
    if at >= size:
        break
    count = min(65536, size - at)
    image.seek(at)
    try:
        data = h.pread(count, at)
    except nbd.Error as e:
        failed += 1
        continue
    if data != image.read(count):
        sys.exit("wrong bytes in block %d" % block)
    right += 1
print(right, failed)
' || fail "export $1: wrong bytes, or no answer"
}

# works URL PARAMETER...: the whole image comes through, byte for byte.
works ()
{
  : >"$tmp/works.log"
  start_tiercache works "$@"
  # To a file: nbdcopy then has many requests in flight, and is quicker.
  nbdcopy "$(uri works)" "$tmp/works.copy" || fail "$1: cannot be read"
  cmp "$tmp/works.copy" "$image" || fail "$1: wrong bytes"
  stop_nbdkit works
}

# fails_reading PATTERN URL PARAMETER...: the export opens; reading its first
# $fail_blocks blocks gives right bytes or errors, at least one of these, and
# a message that matches.
fail_blocks=3
fails_reading ()
{
  local pattern=$1 right failed
  shift
  : >"$tmp/fails.log"
  start_tiercache fails readahead=0 "$@"
  read -r right failed < <(read_blocks fails 0 $((fail_blocks - 1)))
  [ "${failed:-0}" -gt 0 ] || fail "$1: nothing failed, ${right:-0} read"
  grep -qE -- "$pattern" "$tmp/fails.log" ||
    fail "$1: the message does not match '$pattern'"
  stop_nbdkit fails
}

# never_wrong URL PARAMETER...: opens or not, reads or not; but no wrong byte
# and no crash.
never_wrong ()
{
  : >"$tmp/never.log"
  start_tiercache never "$@"
  if nbdinfo --size "$(uri never)" >/dev/null 2>&1; then
    read_blocks never 0 7 >/dev/null
  fi
  stop_nbdkit never
}
