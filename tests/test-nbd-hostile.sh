#!/usr/bin/env bash
# NBD servers that break off, stall, lie or talk nonsense: an error each, in
# bounded time, and never a wrong byte.

. "${abs_top_srcdir:-.}/tests/functions.sh"

cat >"$tmp/hostile.py" <<'PYTHON'
import os, random, socket, struct, sys, threading
mode, path = sys.argv[1:3]
SIZE = {"zero": 0, "negative": 1 << 63}.get(mode, 1 << 20)

# In so many pairs: the first of each, then the second.
def every_other(n, pairs):
    step = n // pairs // 2
    return [(i, i + step) for first in (0, step)
            for i in range(first, n, 2 * step)]

# Which parts of n bytes.
parts = {
    "sr-good": lambda n: [(n // 2, n), (0, n // 4), (n // 4, n // 2)],
    "sr-many": lambda n: every_other(n, 32),
    "sr-dust": lambda n: every_other(n, 1024),
    "sr-twice": lambda n: [(0, n // 2), (0, n // 2)],
    "sr-overlap": lambda n: [(0, n // 2), (n // 2 - 1, n - 1)],
    "sr-around": lambda n: [(10, 20), (0, n - 10)],
}

def take(c, n):
    data = b""
    while len(data) < n:
        more = c.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data

def greet(c):
    c.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
    take(c, 4)
    while True:
        _, option, n = struct.unpack(">QII", take(c, 16))
        take(c, n)
        def reply(kind, data=b""):
            c.sendall(struct.pack(">QIII", 0x3e889045565a9, option, kind,
                                  len(data)) + data)
        if option == 7:
            reply(3, struct.pack(">HQH", 0, SIZE, 3))
            reply(1)
            return
        if option == 8 and mode.startswith("sr-"):
            reply(1)
        else:
            reply((1 << 31) + 1)

def serve(c):
    r = random.Random(5)
    if mode == "closes":
        return
    if mode == "garbage":
        c.sendall(r.randbytes(100000))
        return
    if mode == "silent":
        threading.Event().wait()
    greet(c)
    while True:
        _, flags, kind, cookie, at, n = struct.unpack(">IHHQQI", take(c, 28))
        if kind == 2:
            return
        if mode == "cookie":
            cookie ^= 1
        simple = struct.pack(">IIQ", 0x67446698, 0, cookie)
        if mode == "short":
            c.sendall(simple + b"y" * (n // 2))
            return
        if mode == "noise":
            c.sendall(r.randbytes(5000))
        elif mode == "sr-beyond":       # a chunk outside of what was asked
            c.sendall(struct.pack(">IHHQI", 0x668e33ef, 1, 1, cookie, 12)
                      + struct.pack(">Q", at + n) + b"yyyy")
        elif mode == "sr-length":       # 4 GiB to come
            c.sendall(struct.pack(">IHHQI", 0x668e33ef, 1, 1, cookie,
                                  0xffffffff) + struct.pack(">Q", at))
        elif mode == "sr-part":         # done, with half of it missing
            c.sendall(struct.pack(">IHHQI", 0x668e33ef, 1, 1, cookie,
                                  8 + n // 2) + struct.pack(">Q", at)
                      + b"y" * (n // 2))
        elif mode in parts:             # parts of it, the last one done
            places = parts[mode](n)
            for i, (start, end) in enumerate(places):
                c.sendall(struct.pack(">IHHQI", 0x668e33ef,
                                      int(i == len(places) - 1), 1, cookie,
                                      8 + end - start)
                          + struct.pack(">Q", at + start)
                          + b"y" * (end - start))
        else:
            c.sendall(simple + b"y" * n)

def run(c):
    try:
        serve(c)
    except (EOFError, OSError):
        pass
    c.close()

s = socket.socket(socket.AF_UNIX)
s.bind(path + ".new")
s.listen(50)
os.rename(path + ".new", path)
while True:
    c = s.accept()[0]
    threading.Thread(target=run, args=(c,), daemon=True).start()
PYTHON

for mode in good zero negative closes garbage silent cookie short noise \
            sr-beyond sr-length sr-part sr-good sr-many sr-dust sr-twice \
            sr-overlap sr-around; do
  python3 "$tmp/hostile.py" $mode "$tmp/$mode.sock" >"$tmp/hostile.log" 2>&1 &
  cleanup_fn kill $!
  wait_for 60 test -e "$tmp/$mode.sock" || fail "no server for $mode"
  start_tiercache server "nbd+unix:///?socket=$tmp/$mode.sock" \
    cache-dir="$tmp/cache" cache-size=64M fetch-timeout=300ms fetch-retries=1
  status=0
  python3 -c '
import nbd, sys
h = nbd.NBD()
try:
    h.connect_uri(sys.argv[1])
    data = h.pread(65536, 65536)
except nbd.Error as e:
    sys.exit(7)
sys.exit(0 if data == b"y" * 65536 else 1)
' "$(uri server)" || status=$?
  if [[ $mode = good || $mode = sr-good || $mode = sr-many ]]; then
    [ $status -eq 0 ] || fail "a good server is refused"
  else
    [ $status -eq 7 ] || fail "a server that is $mode: $status"
  fi
  stop_nbdkit server
done
