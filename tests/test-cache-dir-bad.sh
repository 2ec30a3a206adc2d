#!/usr/bin/env bash
# Cache directories that cannot be used: an error that names the directory,
# and nothing in it is touched.

. "${abs_top_srcdir:-.}/tests/functions.sh"

requires_root

make_image "$tmp/image" 2M

touch "$tmp/file"
refused "$tmp/file.*" "$tmp/image" cache-dir="$tmp/file" cache-size=64M

# Not writable: of a read-only file system, and of somebody else.
mkdir "$tmp/ro"
mount -t tmpfs -o ro none "$tmp/ro"
cleanup_fn unmount "$tmp/ro"
refused "$tmp/ro.*Read-only" "$tmp/image" cache-dir="$tmp/ro/c" cache-size=64M
refused "$tmp/ro.*Read-only" "$tmp/image" cache-dir="$tmp/ro" cache-size=64M

mkdir -m 755 "$tmp/roots" "$tmp/home"
chown 65534:65534 "$tmp/home"
cp "$plugin" "$tmp/plugin.so"
status=0
as_nobody "${nbdkit_command[@]}" -U "$tmp/home/s" "$tmp/plugin.so" \
  "$tmp/image" cache-dir="$tmp/roots" cache-size=64M \
  --run "nbdinfo --size \$uri" >"$tmp/nobody.log" 2>&1 || status=$?
[ $status -eq 1 ] || fail "a directory of root's: status $status"
grep -q "$tmp/roots.*Permission denied" "$tmp/nobody.log" ||
  fail "a directory of root's: no word of it"

# From a newer version: refused, and left as it is.
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M
same_bytes server "$tmp/image"
stop_nbdkit server
python3 - "$tmp/cache/index" "$tmp/cache/objects" <<'PYTHON'
import struct, sys
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc
for path in sys.argv[1:]:
    with open(path, "r+b") as f:
        head = f.read(16)
        assert struct.unpack("<I", head[12:])[0] == crc32c(head[:12]), path
        head = head[:8] + struct.pack("<I", 77)
        f.seek(0)
        f.write(head + struct.pack("<I", crc32c(head)))
PYTHON
(cd "$tmp/cache" && sha256sum index objects && du data.0) >"$tmp/before"
refused "$tmp/cache.*version" "$tmp/image" cache-dir="$tmp/cache" \
  cache-size=64M
(cd "$tmp/cache" && sha256sum index objects && du data.0) | diff "$tmp/before" - ||
  fail "a cache of a newer version was changed"
