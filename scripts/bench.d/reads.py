"""Reads an export once in random order: URI BLOCKS BYTES-A-BLOCK IN-FLIGHT.

Prints the milliseconds it took.
"""

import sys
import time

import nbd

uri = sys.argv[1]
blocks, size, in_flight = map(int, sys.argv[2:])
h = nbd.NBD()
h.connect_uri(uri)
offsets = [i * size for i in range(blocks)]
offsets.sort(key=lambda offset: offset // size * 2654435761 % 2**32)


def done(error):
    assert error.value == 0
    return 1


began = time.monotonic()
while offsets or h.aio_in_flight() > 0:
    while offsets and h.aio_in_flight() < in_flight:
        h.aio_pread(nbd.Buffer(size), offsets.pop(), completion=done)
    h.poll(-1)
print(int((time.monotonic() - began) * 1000))
