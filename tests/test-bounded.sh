#!/usr/bin/env bash
# Reading an image eight times as large as the budget, on each file system,
# and through the filter: the cache directory never takes a byte more than it
# may, and what is read is right.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

requires_root

budget=$((16 << 20))
make_image "$tmp/image" 128M

# The most that du would have said, asked as often as it goes.  What it says
# once is not counted: while XFS turns delayed allocations into real ones, it
# has them twice for a moment.
cat >"$tmp/watch.py" <<'PYTHON'
import os, sys
path, out = sys.argv[1:]
most = 0
samples = 0
def used(d):
    n = os.lstat(d).st_blocks
    for e in os.scandir(d):
        try:
            n += e.stat(follow_symlinks=False).st_blocks
        except FileNotFoundError:
            pass
    return n * 512
while not os.path.exists(out + ".stop"):
    try:
        most = max(most, min(used(path), used(path)))
        samples += 1
    except FileNotFoundError:
        pass
with open(out + ".new", "w") as f:
    print(most, samples, file=f)
os.rename(out + ".new", out)
PYTHON

cases=(ext4:plugin ext4:filter ext4:direct xfs:plugin btrfs:plugin)
! sanitized || cases=(ext4:plugin ext4:direct)
for case in "${cases[@]}"; do
  type=${case%:*} way=${case#*:}
  file_system "$type" 600M
  python3 "$tmp/watch.py" "$tmp/$type/cache" "$tmp/most" &
  watcher=$!
  start_way "$way" server "$tmp/image" "$tmp/$type/cache" $budget
  nbdcopy "$(uri server)" - | cmp - "$tmp/image" &
  first=$!
  fio --name=random --ioengine=nbd --uri="$(uri server)" --rw=randread \
    --bs=64k --iodepth=16 --size=128M --io_size=96M --randseed=5 \
    --output="$tmp/fio.log" >/dev/null
  wait $first || fail "$case: wrong bytes"
  same_bytes server "$tmp/image"
  stop_nbdkit server
  touch "$tmp/most.stop"
  wait $watcher
  rm "$tmp/most.stop"
  read -r most samples <"$tmp/most"
  echo "$case: at most $most of $budget bytes in $samples samples"
  [ "$samples" -gt 20 ] || fail "$case: only $samples samples"
  [ "$most" -le $budget ] || fail "$case: $most bytes with a budget of $budget"
  # A budget that is not used at all would be held, too.
  [ "$most" -gt $((budget / 2)) ] || fail "$case: only $most bytes were used"
  unmount "$tmp/$type"
  rmdir "$tmp/$type"
  rm "$tmp/$type.fs"
done
