"""The most that was allocated below a directory until a file is removed."""

import os
import sys
import time


def allocated(path):
    total = os.stat(path).st_blocks
    for folder, folders, names in os.walk(path):
        for name in folders + names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks
            except FileNotFoundError:
                pass
    return total * 512


most = samples = 0
while os.path.exists(sys.argv[2]):
    most = max(most, allocated(sys.argv[1]))
    samples += 1
    time.sleep(0.01)
print(most, samples)
