#!/usr/bin/env bash
# What is asked of the origin: a sequential read costs its own bytes in large
# requests, random reads cost the blocks they touch.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

start_nginx
make_image "$image" 48M
cp "$image" "$www/image"
truncate -s 4G "$www/sparse"

start_tiercache sequential "$nginx/slow/image"
same_bytes sequential "$image"
stop_nbdkit sequential
bytes=$(nginx_requests | sum_bytes)
count=$(nginx_requests | wc -l)
mib=48
echo "sequential: $bytes bytes in $count requests for $mib MiB"
# In hundredths: bash has no fractions.
[ $((bytes * 100)) -le $((mib * 1048576 * 102)) ] || fail "more than 1.02 times"
# It is about one a MiB once the window has opened; how soon it does depends
# on how busy this machine is.  nbdcopy itself asks for four a MiB.
[ "$count" -le $((mib * 3)) ] || fail "the requests are small"

nginx_forget
start_tiercache random "$nginx/slow/sparse"
blocks=$(nbdsh -u "$(uri random)" -c '
import random
r = random.Random(3)
blocks = set()
pending = []
for _ in range(400):
    at = r.randrange(h.get_size() >> 12) << 12
    blocks.add(at >> 16)
    while h.aio_in_flight() >= 16:
        h.poll(-1)
    h.aio_pread(nbd.Buffer(4096), at, completion=lambda e: 1)
while h.aio_in_flight() > 0:
    h.poll(-1)
print(len(blocks))
')
stop_nbdkit random
bytes=$(nginx_requests | sum_bytes)
echo "random: $bytes bytes for $blocks blocks"
[ $((bytes * 100)) -le $((blocks * 65536 * 105)) ] || fail "more than 1.05 times"
[ "$bytes" -ge $((blocks * 65536)) ] || fail "the count can't be right"
