#!/usr/bin/env bash
# SIGTERM ends the server while a fetch is stuck at its origin and a client
# waits for it: long before the fetch would have timed out.

. "${abs_top_srcdir:-.}/tests/functions.sh"

# Serves the first megabyte, and never answers for what is behind it.
cat >"$tmp/stuck.py" <<'PYTHON'
import http.server, re, sys, threading, time
size = 64 << 20
class Stuck(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_HEAD(self):
        self.answer(200, 0, size, body=False)
    def do_GET(self):
        m = re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range", ""))
        first, last = map(int, m.groups())
        if last >= 1 << 20:
            open(sys.argv[1] + ".stuck", "w").close()
            threading.Event().wait()
        self.answer(206, first, last - first + 1)
    def answer(self, status, first, count, body=True):
        self.send_response(status)
        self.send_header("ETag", '"one"')
        self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", "bytes %d-%d/%d" %
                             (first, first + count - 1, size))
        self.send_header("Content-Length", str(count))
        self.end_headers()
        if body:
            self.wfile.write(bytes(count))
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stuck)
server.daemon_threads = True
with open(sys.argv[1] + ".new", "w") as f:
    print(server.server_port, file=f)
import os
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
PYTHON
python3 "$tmp/stuck.py" "$tmp/port" >"$tmp/stuck.log" 2>&1 &
origin=$!
cleanup_fn kill $origin
wait_for 60 test -e "$tmp/port" || fail "the origin did not come up"

start_tiercache server "http://127.0.0.1:$(cat "$tmp/port")/image" \
  cache-dir="$tmp/cache" cache-size=64M readahead=0 fetch-timeout=10m
nbdsh -u "$(uri server)" -c '
assert h.pread (65536, 0) == bytes (65536)
for i in range (40):
    h.aio_pread (nbd.Buffer (65536), (2 + i) << 20)
while h.aio_in_flight ():
    h.poll (-1)
' >"$tmp/client.log" 2>&1 &
client=$!
cleanup_fn kill $client 2>/dev/null
wait_for 60 test -e "$tmp/port.stuck" || fail "nothing was asked of the origin"

before=$(now_ms)
stop_nbdkit server
took=$(($(now_ms) - before))
echo "ended after $took ms"
# A second or two; this machine may be busy, but not that busy.
[ $took -lt 15000 ] || fail "it took $took ms to end"
