"""Drops files, and all regular files below directories, from the page cache."""

import os
import sys


def drop(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


for path in sys.argv[1:]:
    if not os.path.isdir(path):
        drop(path)
    for folder, _, names in os.walk(path):
        for name in names:
            if os.path.isfile(os.path.join(folder, name)):
                drop(os.path.join(folder, name))
