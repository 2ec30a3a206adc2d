#!/usr/bin/env bash
# The image is gone when the export is opened: offline=serve serves what is
# cached and says so, offline=fail refuses.  What is not cached is an error.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 4M
cp "$tmp/image" "$tmp/copy"
params=("$tmp/image" cache-dir="$tmp/cache" cache-size=64M readahead=0)

start_tiercache server "${params[@]}"
nbdsh -u "$(uri server)" -c '
for i in range (32):
    h.pread (65536, i * 65536)
'
stop_nbdkit server

mv "$tmp/image" "$tmp/away"
start_tiercache server "${params[@]}" offline=serve fetch-retries=0
nbd_script "$(uri server)" "$tmp/copy" <<'PYTHON'
copy = open(sys.argv[1], "rb").read()
assert h.get_size() == len(copy)
assert h.pread(2 << 20, 0) == copy[:2 << 20]
for at in 2 << 20, len(copy) - 512:
    try:
        h.pread(512, at)
        raise SystemExit("bytes that nobody can have")
    except nbd.Error:
        pass
PYTHON
stop_nbdkit server
grep "$tmp/image" "$tmp/server.log" | grep -qi 'cache' ||
  fail "no warning that the cache alone is served"

refused "$tmp/image" "${params[@]}" offline=fail fetch-retries=0

# It comes back: all of it can be read again.
mv "$tmp/away" "$tmp/image"
start_tiercache server "${params[@]}"
same_bytes server "$tmp/copy"
stop_nbdkit server
