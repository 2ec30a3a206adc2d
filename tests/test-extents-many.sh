#!/usr/bin/env bash
# An image of thousands of holes: one question gets a bounded answer, and who
# goes on asking is told all of them.

. "${abs_top_srcdir:-.}/tests/functions.sh"

python3 - "$tmp/image" <<'PYTHON'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o644)
os.ftruncate(fd, 5000 * 8192)
for i in range(5000):
    os.pwrite(fd, b"x" * 4096, i * 8192)
PYTHON
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M
python3 - "$(uri server)" <<'PYTHON'
import nbd, sys
h = nbd.NBD()
h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
h.connect_uri(sys.argv[1])
at, size, seen, most = 0, h.get_size(), [], 0
def extents(context, offset, entries, error):
    global at, most
    most = max(most, len(entries) // 2)
    for count, flags in zip(entries[::2], entries[1::2]):
        if seen and seen[-1][1] == flags:
            seen[-1][0] += count
        else:
            seen.append([count, flags])
        at += count
while at < size:
    h.block_status(size - at, at, extents)
assert 1 < most <= 4096, most
assert len(seen) == 10000, len(seen)
assert all(count == 4096 for count, flags in seen)
assert [flags for count, flags in seen] == 5000 * [0, 3]
PYTHON
stop_nbdkit server
