"""Small inputs to begin with, for the targets that read traces.

  seeds.py DIRECTORY    makes DIRECTORY/fuzz-trace and DIRECTORY/fuzz-sim
"""

import gzip
import os
import struct
import sys

MASK = (1 << 64) - 1


def crc32c(data, crc=0xffffffff):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


def mix(x):
    x = x + 0x9e3779b97f4a7c15 & MASK
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & MASK
    x = (x ^ x >> 27) * 0x94d049bb133111eb & MASK
    return x ^ x >> 31


def varint(x):
    out = b""
    while x >= 0x80:
        out += bytes([x & 0x7f | 0x80])
        x >>= 7
    return out + bytes([x])


def signed(x):
    return varint(2 * x if x >= 0 else -2 * x - 1)


# docs/tiercache-trace-format.pod
def header():
    head = b"tcTrace\0" + struct.pack("<I", 1)
    head += struct.pack("<IIIQ", crc32c(head), 65536, 0, 1700000000)
    head += bytes(60 - len(head))
    return head + struct.pack("<I", crc32c(head))


def frame(number, records):
    rest = struct.pack("<Q", 1000 * number) + records
    length = struct.pack("<I", len(records))
    crc = crc32c(length + rest, mix(number) & 0xffffffff)
    return length + struct.pack("<I", crc) + rest


RECORDS = [
    b"\x01\x00" + varint(1 << 30) + b"\x04/one\x02v1",
    b"\x08" + signed(0) + b"\x00" + signed(5),
    b"\x04" + signed(100) + signed(-1),
    b"\x10" + signed(7) + signed(10) + varint(30),
    b"\x0a\x00" + signed(5) + varint(20000) + varint(4096),
    b"\x03\x07",
    b"\x01\x01" + varint(77) + b"\x03two\x00",
    b"\x0c" + signed(1) + b"\x01" + signed(-46),
]

CSV = b"""time_us,volume,op,offset,length
1,0,R,0,4096
2,0,W,65536,131072
2,1,R,0,0
1,0,R,0,512
"""


def main(top):
    def put(target, name, data):
        os.makedirs(os.path.join(top, target), exist_ok=True)
        with open(os.path.join(top, target, name), "wb") as f:
            f.write(data)

    records = b"".join(RECORDS)
    file = (header() + frame(0, b"".join(RECORDS[:3]))
            + frame(1, b"\x08\x00\x00\x00" + b"".join(RECORDS[6:])))
    put("fuzz-trace", "file", b"\0" + file)
    put("fuzz-trace", "torn", b"\0" + file[:-3])
    put("fuzz-trace", "zeros", b"\0" + file + bytes(40))
    put("fuzz-trace", "frame", b"\1" + frame(0, records))
    put("fuzz-trace", "records", b"\2" + bytes([len(records) - 1]) + records)
    for i, record in enumerate(RECORDS):
        one = RECORDS[0] + record
        put("fuzz-trace", "record-%d" % i,
            b"\2" + bytes([len(one) - 1]) + one)

    oracle = b"".join(struct.pack("<IQIQ", i, i % 3, 4096 << i % 3, MASK)
                      for i in range(5))
    for name, option, data in [
            ("csv", 0, CSV), ("bare", 2, CSV.split(b"\n", 1)[1]),
            ("numbers", 0, b"1\n2\n*\n1\n"), ("oracle", 1, oracle),
            ("recorded", 0, file), ("recorded-sizes", 8, file)]:
        put("fuzz-sim", name, bytes([option]) + data)
        put("fuzz-sim", name + "-gz",
            bytes([option | 4]) + gzip.compress(data, mtime=0))
        # Zstandard, one raw block: no library is needed for that.
        put("fuzz-sim", name + "-zst", bytes([option | 16])
            + b"\x28\xb5\x2f\xfd\x20" + bytes([min(len(data), 255)])
            + (min(len(data), 255) << 3 | 1).to_bytes(3, "little")
            + data[:255])


main(sys.argv[1])
