#!/usr/bin/env bash
# The control socket of a server: hostile clients do not harm it, other users
# are refused, and it works however long the directory's path is.  Where it
# can't be made the server serves without it.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/ctl.sh"

make_image "$tmp/image" 8M
long=$tmp/$(printf 'd%.0s' {1..150})/$(printf 'e%.0s' {1..150})
cache=$long/cache

start_tiercache server "$tmp/image" cache-dir="$cache" cache-size=64M
wait_for 60 listens "$cache" || fail "no socket under a long path"
[ "$(stat -c %a "$cache/control")" = 600 ] || fail "the socket is open to others"
# No client has connected yet.
ctl list "$cache" >"$tmp/out"
same_bytes server "$tmp/image"

cat >"$tmp/hostile.py" <<'PYTHON'
import json, os, random, socket, sys, time
os.chdir(sys.argv[1])
r = random.Random(1)
def dial():
    s = socket.socket(socket.AF_UNIX)
    s.connect("control")
    s.settimeout(60)
    return s
def end_of(s):
    out = b""
    try:
        while True:
            more = s.recv(65536)
            if not more:
                return out
            out += more
    except ConnectionResetError:
        return out
def hostile(data):
    s = dial()
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    out = end_of(s)
    assert not out or b'"error"' in out, out
good = b'{"command": "list"}\n'
for data in (b"", b"\n", b"\0" * 100, b"x" * (1 << 20), b"[" * 16000 + b"\n",
             b'{"command": "list"' * 2000, b"GET / HTTP/1.1\r\n\r\n",
             b'{"command": "evict", "all": 1}\n'):
    hostile(data)
for _ in range(200):
    hostile(r.randbytes(r.randrange(1, 3000)) + b"\n")
for _ in range(200):                    # nearly right
    data = bytearray(good)
    data[r.randrange(len(data) - 1)] = r.randrange(256)
    s = dial()
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    end_of(s)
idle = [dial() for _ in range(100)]
for _ in range(20):                     # gone before the answer
    s = dial()
    s.sendall(b'{"command": "verify"}\n')
    s.close()
for _ in range(600):                    # those may be under way still
    s = dial()
    s.sendall(good)
    out = end_of(s)
    if b'"result"' in out:
        break
    assert b'"error"' in out, out
    time.sleep(0.1)
assert b'"result"' in out, out
print("ok")
PYTHON
[ "$(python3 "$tmp/hostile.py" "$cache")" = ok ] || fail "hostile clients"
ctl verify "$cache" >"$tmp/out"
same_bytes server "$tmp/image"

# Root may use anybody's, others only their own, even if they can reach it.
if [ "$(id -u)" -eq 0 ]; then
  chmod 755 "$cache"
  chmod 666 "$cache/control"
  python3 - "$cache" <<'PYTHON' || fail "another user was not refused"
import os, socket, sys
os.chdir(sys.argv[1])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.connect("control")
try:
    s.sendall(b'{"command": "list"}\n')
except BrokenPipeError:
    pass
s.settimeout(60)
out = b""
while True:
    try:
        more = s.recv(4096)
    except ConnectionResetError:
        break
    if not more:
        break
    out += more
assert b"only the user of the server" in out, out
PYTHON
fi

# Killed: what it left is in nobody's way, offline or to the next server.
kill_nbdkit server
listens "$cache" || fail "a killed server has removed its socket"
ctl pin "$cache" "$tmp/image" >"$tmp/out"
ctl verify "$cache" >"$tmp/out"
start_tiercache server "$tmp/image" cache-dir="$cache" cache-size=64M
wait_for 60 listens "$cache" || fail "no socket after one was left"
expect_listed true "$cache" '.[0].pinned'
stop_nbdkit server
! test -e "$cache/control" || fail "a socket was left"

# Something else has its name: left alone, and the server serves without.
echo mine >"$cache/control"
start_tiercache alone "$tmp/image" cache-dir="$cache" cache-size=64M
same_bytes alone "$tmp/image"
[ "$(grep -c "can't reach this server" "$tmp/alone.log")" -eq 1 ] ||
  fail "the user was not told once that there is no socket"
ctl_fails 1 "does not listen .* in use by process ${server_pid[alone]}" \
  verify "$cache"
ctl list "$cache" >"$tmp/out"           # to look needs nobody's leave
stop_nbdkit alone
[ "$(cat "$cache/control")" = mine ] || fail "somebody's file is gone"
rm "$cache/control"

# Root leaves nothing of root's in somebody else's directory.
if [ "$(id -u)" -eq 0 ]; then
  chown -R 65534:65534 "$cache"
  chmod 711 "$tmp" "$long/.." "$long"
  ctl unpin "$cache" "$tmp/image" >"$tmp/out"
  [ -z "$(find "$cache" ! -user 65534)" ] || fail "root's files are in there"
fi
