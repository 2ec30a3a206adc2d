#!/usr/bin/env bash
# A client that goes away while it waits is nobody else's trouble: others
# still get what is not cached, and new ones are let in.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

start_nginx
make_image "$image" 16M
cp "$image" "$www/image"

start_tiercache server "$nginx/slow/image" readahead=0
python3 - "$(uri server)" "$image" <<'PYTHON'
import sys, nbd

uri, image = sys.argv[1], open(sys.argv[2], "rb").read()
other = nbd.NBD()
other.connect_uri(uri)
for i in range(40):
    leaving = nbd.NBD()
    leaving.connect_uri(uri)
    leaving.aio_pread(nbd.Buffer(4096), i << 17)
    while leaving.aio_get_direction() & nbd.AIO_DIRECTION_WRITE:
        leaving.poll(-1)
    del leaving
    at = (i << 17) + (8 << 20)
    if other.pread(4096, at) != image[at:at + 4096]:
        sys.exit("wrong bytes at %d" % at)
PYTHON
same_bytes server "$image"
stop_nbdkit server
