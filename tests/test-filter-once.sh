#!/usr/bin/env bash
# However many clients miss the same blocks at once, each block is read once
# from the next layer: by the engine's threads, or in those of the
# connections; and reads of other blocks do not wait for it.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

mkdir "$tmp/dir"
# No holes, which are not read.
head -c 8M /dev/urandom >"$tmp/dir/image"
cp "$tmp/dir/image" "$tmp/expected"

# read_once NAME EXPORT: the log of the layer below has each block once.
read_once ()
{
  python3 - "$tmp/$1.calls" "$(stat -c %s "$tmp/expected")" <<'PYTHON'
import re, sys
read = set()
for line in open(sys.argv[1]):
    m = re.search(r" Read .*offset=(0x[0-9a-f]+) count=(0x[0-9a-f]+)", line)
    if not m:
        continue
    at, count = (int(x, 16) for x in m.groups())
    for block in range(at // 65536, (at + count + 65535) // 65536):
        assert block not in read, "block %d was read twice" % block
        read.add(block)
n = (int(sys.argv[2]) + 65535) // 65536
assert read == set(range(n)), "%d of %d blocks" % (len(read), n)
PYTHON
}

# What the client asks for may go below in several pieces: the log is of
# what reaches the plugin.
once ()
{
  local name=$1 export=$2 clients=()
  shift 2
  start_nbdkit "$name" --filter="$filter" --filter=log "$@" \
    logfile="$tmp/$name.calls" tiercache-dir="$tmp/cache" tiercache-size=64M \
    tiercache-id="$name"
  for _ in 1 2 3 4; do
    same_export "$name" "$export" "$tmp/expected" &
    clients+=($!)
  done
  for client in "${clients[@]}"; do
    wait "$client" || fail "$name: wrong bytes"
  done
  stop_nbdkit "$name"
  read_once "$name"
  echo "$name"
}

once default "" --filter=delay file "$tmp/dir/image" rdelay=20ms
once named image --filter=delay file dir="$tmp/dir" rdelay=20ms
once default-serial "" --filter=noparallel file "$tmp/dir/image" \
  serialize=requests
once named-serial image --filter=noparallel file dir="$tmp/dir" \
  serialize=all-requests

# Reads that miss go on side by side: as many at once as the client sends.
# Scripts cannot be run by a sanitized nbdkit.
! sanitized || exit 0
cat >"$tmp/meet.py" <<'PYTHON'
import nbd, sys
h = nbd.NBD()
h.connect_uri(sys.argv[1])
failed = []
def done(error):
    if error.value:
        failed.append(error.value)
    return 1
for i in range(8):
    h.aio_pread(nbd.Buffer(65536), i * 3 * 65536, completion=done)
while h.aio_in_flight():
    h.poll(-1)
assert not failed, failed
PYTHON
# A plugin in which each read waits until eight have begun.
cat >"$tmp/wait" <<EOT
: >"$tmp/begun/\$4"
for ((i = 0; i < 3000; i++)); do
  [ "\$(find "$tmp/begun" -type f | wc -l)" -ge 8 ] && break
  sleep 0.01
done
[ \$i -lt 3000 ] || { echo "EIO alone" >&2; exit 1; }
dd if=/dev/zero iflag=count_bytes count=\$3 status=none
EOT
for multi in 1 0; do
  rm -rf "$tmp/begun"
  mkdir "$tmp/begun"
  start_nbdkit meet --filter="$filter" eval thread_model='echo parallel' \
    get_size='echo 8M' can_multi_conn="exit $((multi ? 0 : 3))" \
    pread="exec bash $tmp/wait \"\$@\"" tiercache-readahead=0 \
    tiercache-dir="$tmp/cache-$multi" tiercache-size=64M
  timeout 60 python3 "$tmp/meet.py" "$(uri meet)" ||
    fail "reads of different blocks wait for each other"
  stop_nbdkit meet
done
