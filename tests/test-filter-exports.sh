#!/usr/bin/env bash
# Exports of one server never mix, however many there are and whoever reads
# them at once; nor do clients that come with TLS and those without.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

cache=("tiercache-dir=$tmp/cache" tiercache-size=128M tiercache-id=x)
mkdir "$tmp/dir"
names=(one two three four "sp ace" "colon:1:2")
for i in "${!names[@]}"; do
  make_image "$tmp/dir/${names[i]}" 2M $((i + 10))
done

for model in "${models[@]}"; do
  [ "$model" != serialize_connections ] || continue     # one client at a time
  with_model "$model"
  start_nbdkit server --filter="$filter" "${model_filter[@]}" file dir="$tmp/dir" \
    "${cache[@]}" tiercache-id="$model" "${model_parameter[@]}"
  nbd_script "$(export_uri server one)" "$tmp/server.sock" "$tmp/dir" <<'PYTHON'
import os, random
random.seed(3)
names = sorted(os.listdir(sys.argv[2]))
handles = []
for name in names * 2:
    c = nbd.NBD()
    c.set_export_name(name)
    c.connect_unix(sys.argv[1])
    with open(os.path.join(sys.argv[2], name), "rb") as f:
        handles.append((c, f.read()))
for i in range(400):
    c, data = random.choice(handles)
    count = random.choice([1, 4096, 65536, 300000])
    offset = random.randrange(len(data) - count + 1)
    assert c.pread(count, offset) == data[offset:offset + count], i
PYTHON
  nbdinfo --list "$(uri server)" | grep -q 'export="three"' ||
    fail "exports are not listed"
  stop_nbdkit server
done

# Many exports, opened and closed: no descriptors are left behind.
mkdir "$tmp/many"
for ((i = 0; i < 150; i++)); do
  echo "export $i" >"$tmp/many/$i"
  truncate -s 100K "$tmp/many/$i"
done
start_nbdkit many --filter="$filter" file dir="$tmp/many" \
  tiercache-dir="$tmp/cache-many" tiercache-size=64M
nbd_script "$(export_uri many 0)" "$tmp/many.sock" "${server_pid[many]}" <<'PYTHON'
import os
def descriptors():
    return len(os.listdir("/proc/%s/fd" % sys.argv[2]))
before = descriptors()
for i in list(range(150)) * 2:
    c = nbd.NBD()
    c.set_export_name(str(i))
    c.connect_unix(sys.argv[1])
    text = b"export %d\n" % i
    assert c.pread(len(text) + 1, 0) == text + b"\0"
    c.shutdown()
assert descriptors() <= before + 8, (before, descriptors())
PYTHON
stop_nbdkit many

# A layer below that shows less to clients without TLS.
printf 'user:%064d\n' 7 >"$tmp/psk"
start_nbdkit tls --tls=on --tls-psk="$tmp/psk" --filter="$filter" \
  --filter=tls-fallback file "$tmp/dir/one" tlsreadme="go away" "${cache[@]}"
for _ in cold warm; do
  nbdcopy "nbds+unix://user@/?socket=$tmp/tls.sock&tls-psk-file=$tmp/psk" - |
    cmp - "$tmp/dir/one" || fail "wrong bytes with TLS"
  nbdsh -u "$(uri tls)" -c 'assert h.pread (7, 0) == b"go away"'
done
stop_nbdkit tls
