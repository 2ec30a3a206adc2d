#!/usr/bin/env bash
# NBD servers of all kinds as origins: what is read is what they hold.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires nbdkit --dump-plugin pattern
requires qemu-nbd --version

make_image "$tmp/image" 12M
dd if=/dev/urandom of="$tmp/image" bs=1000 count=1 oflag=append conv=notrunc \
  status=none             # not a whole number of blocks, nor of sectors
n=0

# serves_same FILE URI PARAMETER...: cold, with many requests at once.
serves_same ()
{
  local file=$1 uri=$2
  shift 2
  n=$((n + 1))
  start_tiercache "server$n" "$uri" cache-dir="$tmp/cache$n" cache-size=64M \
    "$@"
  nbdcopy --no-extents --connections=1 --requests=64 "$(uri "server$n")" "$tmp/copy"
  cmp "$tmp/copy" "$file" || fail "$uri is not read as it is"
  stop_nbdkit "server$n"
}

# Several connections, and how many there were.
start_nbdkit file -v --filter=delay file "$tmp/image" rdelay=20ms
serves_same "$tmp/image" "$(uri file)" readahead=0
opened=$(grep -c 'accepted connection' "$tmp/file.log")
[ "$opened" -ge 2 ] || fail "$opened connections where several are possible"
[ "$opened" -le 17 ] || fail "$opened connections where 16 are allowed"

# One connection only: requests are in flight on it all the same.
start_nbdkit one -v --filter=multi-conn --filter=delay file "$tmp/image" \
  rdelay=20ms multi-conn-mode=disable
serves_same "$tmp/image" "$(uri one)"
opened=$(grep -c 'accepted connection' "$tmp/one.log")
[ "$opened" -eq 1 ] || fail "$opened connections where one is possible"

# connections= bounds them.
: >"$tmp/file.log"
serves_same "$tmp/image" "$(uri file)" connections=2 readahead=0
opened=$(grep -c 'accepted connection' "$tmp/file.log")
[ "$opened" -le 2 ] || fail "$opened connections where 2 are allowed"

# Without structured replies, without block status, over TCP, by name.
start_nbdkit old --no-sr file "$tmp/image"
serves_same "$tmp/image" "$(uri old)"

# Requests of 64K at most; and of whole 4K only.
start_nbdkit small --filter=blocksize-policy file "$tmp/image" \
  blocksize-minimum=1 blocksize-preferred=4096 blocksize-maximum=65536 \
  blocksize-error-policy=error
truncate -s 12M "$tmp/whole"
dd if="$tmp/image" of="$tmp/whole" bs=1M count=12 conv=notrunc status=none
start_nbdkit sectors --filter=blocksize-policy file "$tmp/whole" \
  blocksize-minimum=4096 blocksize-preferred=4096 blocksize-maximum=1M \
  blocksize-error-policy=error
serves_same "$tmp/image" "$(uri small)" cache-block-size=256K
serves_same "$tmp/whole" "$(uri sectors)" cache-block-size=4K

# qemu-nbd, with a named export whose name is not plain.
qemu-nbd -r -t -e 8 -f raw -x 'an export/ä' -k "$tmp/qemu.sock" \
  --pid-file="$tmp/qemu.pid" "$tmp/whole" >"$tmp/qemu.log" 2>&1 &
server_pid[qemu]=$!
wait_for 60 test -s "$tmp/qemu.pid" || fail "qemu-nbd did not come up"
serves_same "$tmp/whole" \
  "nbd+unix:///an%20export%2F%C3%A4?socket=$tmp/qemu.sock"
refused 'cannot connect' "nbd+unix:///another?socket=$tmp/qemu.sock" \
  cache-dir="$tmp/cache" cache-size=64M fetch-retries=0

# Errors now and then are tried again.
start_nbdkit errors --filter=error file "$tmp/image" error-pread=EIO \
  error-pread-rate=10%
serves_same "$tmp/image" "$(uri errors)" fetch-retries=20

# An error that stays reaches the reader.
start_nbdkit broken --filter=error file "$tmp/image" error-pread=EIO \
  error-pread-rate=100%
start_tiercache reader "$(uri broken)" cache-dir="$tmp/cache" cache-size=64M \
  fetch-retries=1
nbd_script "$(uri reader)" <<'PYTHON'
try:
    h.pread(4096, 0)
    raise SystemExit("bytes that the server did not give")
except nbd.Error:
    pass
PYTHON
grep -q 'the server says: ' "$tmp/reader.log" || fail "no reason was given"
stop_nbdkit reader

# Petabytes.
start_nbdkit huge pattern size=4P
start_tiercache reader "$(uri huge)" cache-dir="$tmp/cache" cache-size=64M
nbd_script "$(uri reader)" <<'PYTHON'
at = (4 << 50) - 4096
assert h.get_size() == 4 << 50
data = h.pread(4096, at)
assert data == b"".join((at + i).to_bytes(8, "big") for i in range(0, 4096, 8))
PYTHON
stop_nbdkit reader
