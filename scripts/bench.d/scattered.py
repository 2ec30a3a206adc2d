"""Reads at random over NBD, and says how many distinct blocks it touched.

  scattered.py URI READS DEPTH BLOCK-SIZE
"""

import random
import sys

import nbd

uri, reads, depth, block_size = sys.argv[1], *map(int, sys.argv[2:])
h = nbd.NBD()
h.connect_uri(uri)
size = h.get_size()
chance = random.Random(1)
touched = set()
for _ in range(reads):
    at = chance.randrange(size // 4096) * 4096
    touched.add(at // block_size)
    while h.aio_in_flight() >= depth:
        h.poll(-1)
    h.aio_pread(nbd.Buffer(4096), at, completion=lambda error: 1)
while h.aio_in_flight() > 0:
    h.poll(-1)
h.shutdown()
print(len(touched) * block_size)
