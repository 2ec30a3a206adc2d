#!/usr/bin/env bash
# What is read is what is in the image, cold and warm, in any order, at any
# offset and length.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 40M
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=256M

# Cold: odd requests first, so that whole blocks come in by parts of them.
nbd_script "$(uri server)" "$tmp/image" <<'PYTHON'
import random, sys
image = open(sys.argv[1], "rb").read()
r = random.Random(7)
for i in range(400):
    n = 1 << r.randint(0, 20)
    n = max(1, n + r.randint(-3, 3))
    at = r.randint(0, len(image) - n)
    if h.pread(n, at) != image[at:at + n]:
        raise SystemExit("%d bytes at %d differ" % (n, at))
PYTHON

same_bytes server "$tmp/image"
same_bytes server "$tmp/image"
stop_nbdkit server
