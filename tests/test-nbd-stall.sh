#!/usr/bin/env bash
# An NBD server that stops answering: reads end by fetch-timeout, SIGTERM ends
# the plugin long before, and a server that wakes up again is used again.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 8M

# A process that was sent SIGSTOP may answer yet, until its last thread has
# stopped.
cat >"$tmp/freeze.py" <<'PYTHON'
import os, signal, time

def state(pid, task):
    with open(f"/proc/{pid}/task/{task}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0]

def freeze(pid):
    os.kill(pid, signal.SIGSTOP)
    while {state(pid, t) for t in os.listdir(f"/proc/{pid}/task")} != {"T"}:
        time.sleep(0.01)
PYTHON
export PYTHONPATH=$tmp

start_nbdkit far file "$tmp/image"
start_tiercache server "$(uri far)" cache-dir="$tmp/cache" cache-size=64M \
  readahead=0 fetch-timeout=500ms fetch-retries=1
nbd_script "$(uri server)" "$tmp/image" "${server_pid[far]}" <<'PYTHON'
import os, signal
from freeze import freeze
with open(sys.argv[1], "rb") as f:
    image = f.read()
far = int(sys.argv[2])
assert h.pread(65536, 0) == image[:65536]
freeze(far)
try:
    h.pread(65536, 1 << 20)
    raise SystemExit("bytes of a server that does not run")
except nbd.Error:
    pass
finally:
    os.kill(far, signal.SIGCONT)
assert h.pread(65536, 1 << 20) == image[1 << 20:(1 << 20) + 65536]
PYTHON
grep -q 'does not answer' "$tmp/server.log" || fail "no reason was given"
stop_nbdkit server

# Told to end with requests in flight, on connections and while connecting.
start_tiercache server "$(uri far)" cache-dir="$tmp/cache" cache-size=64M \
  readahead=0 fetch-timeout=10m
nbdsh -u "$(uri server)" -c "
from freeze import freeze
h.pread (65536, 0)
freeze (${server_pid[far]})
for i in range (40):
    h.aio_pread (nbd.Buffer (65536), (1 + i) * 131072)
open ('$tmp/stuck', 'w').close ()
while h.aio_in_flight ():
    h.poll (-1)
" >"$tmp/client.log" 2>&1 &
wait_for 60 test -e "$tmp/stuck" || fail "nothing was asked"
before=$(now_ms)
stop_nbdkit server
took=$(($(now_ms) - before))
echo "ended after $took ms"
# A second or two; this machine may be busy, but not that busy.
[ $took -lt 15000 ] || fail "it took $took ms to end"

# The same for one who waits to open it.
start_tiercache server "$(uri far)" cache-dir="$tmp/cache" cache-size=64M \
  fetch-timeout=10m -v -D tiercache.origin=1
connecting ()
{
  grep -q 'debug: .*connecting' "$tmp/server.log"
}
nbdinfo --size "$(uri server)" >"$tmp/client.log" 2>&1 &
wait_for 60 connecting || fail "nobody connects"
before=$(now_ms)
stop_nbdkit server
took=$(($(now_ms) - before))
[ $took -lt 15000 ] || fail "it took $took ms to end while opening"
kill -CONT "${server_pid[far]}"
