#!/usr/bin/env bash
# Whatever happened to the files of a cache: the right bytes, never wrong
# ones, no crash.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 6M 1
make_image "$tmp/image2" 6M 2
# fill DIR IMAGE [COUNT]: a cache of the image, or of its first COUNT bytes.
fill ()
{
  start_tiercache fill "$2" cache-dir="$1" cache-size=64M
  nbd_script "$(uri fill)" "${3:-$((6 << 20))}" <<'PYTHON'
for at in range(0, int(sys.argv[1]), 1 << 20):
    h.pread(1 << 20, at)
PYTHON
  stop_nbdkit fill
}
fill "$tmp/good" "$tmp/image"
fill "$tmp/other" "$tmp/image2"
cp -a --sparse=always "$tmp/good" "$tmp/half"
rm "$tmp/half"/*
fill "$tmp/half" "$tmp/image" $((3 << 20))

cat >"$tmp/damage.py" <<'PYTHON'
import os, random, subprocess, sys
how, name, cache, other, half = sys.argv[1:]
r = random.Random(how + name)
path = os.path.join(cache, name)
# A data file is a sparse gigabyte: only what is used of it is of interest.
fd = os.open(path, os.O_RDONLY)
size = os.fstat(fd).st_size
used = 0
while True:
    try:
        used = os.lseek(fd, os.lseek(fd, used, os.SEEK_DATA), os.SEEK_HOLE)
    except OSError:
        break
os.close(fd)
data = bytearray(open(path, "rb").read(used))
def flip(n):
    for _ in range(n):
        data[r.randrange(len(data))] ^= 1 << r.randrange(8)
def swap(size, n):
    for _ in range(n):
        a = r.randrange(len(data) // size) * size
        b = r.randrange(len(data) // size) * size
        data[a:a + size], data[b:b + size] = data[b:b + size], data[a:a + size]
def copy(directory):
    subprocess.check_call(["cp", "--sparse=always",
                           os.path.join(directory, name), path])
    sys.exit()
if how == "missing":
    os.unlink(path)
    sys.exit()
elif how == "empty":
    size = 0
    data = b""
elif how == "truncated":
    size = len(data) * 3 // 5 + 7
    data = data[:size]
elif how == "longer":
    size += 5000
elif how == "zeros":
    data = bytes(len(data))
elif how == "random":
    data = r.randbytes(len(data))
elif how == "flipped":
    flip(max(3, len(data) // 5000))
elif how == "one-bit":
    flip(1)
elif how == "head":
    data[:64] = r.randbytes(64)
elif how == "swapped-records":
    swap(64, 200)
elif how == "swapped-slots":
    swap(65536, 20)
elif how == "shifted":
    data = data[64:] + data[:64]
elif how == "torn":
    was = open(os.path.join(half, name), "rb").read(used)
    was = was.ljust(used, b"\0")
    for at in range(0, used, 4096):
        if r.random() < 0.5:
            data[at:at + 4096] = was[at:at + 4096]
elif how == "of-another":
    copy(other)
elif how == "older":
    copy(half)
else:
    raise SystemExit("unknown: " + how)
with open(path, "r+b") as f:
    f.write(data)
    f.truncate(size)
    if how == "longer":
        f.seek(size - 5000)
        f.write(r.randbytes(5000))
PYTHON

common="missing empty truncated longer zeros random flipped one-bit head
        shifted torn of-another older"
for file in index objects data.0; do
  case $file in
    index) kinds="$common swapped-records" ;;
    data.0) kinds="$common swapped-slots" ;;
    *) kinds=$common ;;
  esac
  for how in $kinds; do
    rm -rf "$tmp/cache"
    cp -a --sparse=always "$tmp/good" "$tmp/cache"
    python3 "$tmp/damage.py" "$how" "$file" "$tmp/cache" "$tmp/other" \
      "$tmp/half"
    echo "=== $file $how" >>"$tmp/server.log"
    start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M
    same_bytes server "$tmp/image"
    same_bytes server "$tmp/image"
    stop_nbdkit server
  done
done

# Something else than files in their places: refused, or done without.
for file in index objects data.0 lock; do
  for how in directory dangling; do
    rm -rf "$tmp/cache"
    cp -a --sparse=always "$tmp/good" "$tmp/cache"
    rm "$tmp/cache/$file"
    case $how in
      directory) mkdir -p "$tmp/cache/$file/x" ;;
      dangling) ln -s /nonexistent/x "$tmp/cache/$file" ;;
    esac
    status=0
    "${nbdkit_command[@]}" -U - "$plugin" "$tmp/image" \
      cache-dir="$tmp/cache" cache-size=64M \
      --run "nbdcopy \$uri - | cmp - $tmp/image && echo right" \
      >"$tmp/odd.log" 2>&1 || status=$?
    if [ $status -ne 0 ]; then
      [ $status -eq 1 ] && ! grep -q differ "$tmp/odd.log" ||
        fail "$file as $how: status $status"
      grep -q "$tmp/cache" "$tmp/odd.log" || fail "$file as $how: no reason"
    fi
  done
done
