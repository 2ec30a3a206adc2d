"""Names of files until their sizes add up: "SIZE<tab>NAME" in, names out.

The order is that of the names' digests, so that all kinds are among them.
"""

import hashlib
import sys

limit = int(sys.argv[1])
entries = [e for e in sys.stdin.buffer.read().split(b"\0") if e]
entries.sort(key=lambda e: hashlib.md5(e).digest())
for entry in entries:
    size, name = entry.split(b"\t", 1)
    limit -= (int(size) + 4095) // 4096 * 4096 + 256
    if limit < 0:
        break
    sys.stdout.buffer.write(name + b"\0")
