"""Files for a guest to read, and the list of them in its order.

  boot.py DIRECTORY COUNT
"""

import os
import random
import sys

SIZE = 72 << 10

top, count = sys.argv[1], int(sys.argv[2])
r = random.Random(5)
names = []
for i in range(count):
    name = "/data/%02d/%04d" % (i % 40, i)
    os.makedirs(top + os.path.dirname(name), exist_ok=True)
    with open(top + name, "wb") as f:
        f.write(r.randbytes(SIZE))
    names.append(name)
r.shuffle(names)
with open(top + "/list", "w") as f:
    f.write("\n".join(names) + "\n")
