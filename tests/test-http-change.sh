#!/usr/bin/env bash
# An object that changes under an open export: what is cached is still
# served, what is not is an error that says so, and whoever opens the export
# again sees what there is now.  The server takes no notice of If-Match.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave srv

# The new bytes, as misbehave.py makes them.
perl -0777 -pe '$_ = ~$_' "$image" >"$tmp/changed"
{ cat "$image"; head -c 65536 /dev/zero; } >"$tmp/grown"
head -c 1048576 "$image" >"$tmp/shrunk"

for etag in strong weak none empty; do
  for state in changed grown shrunk vanished; do
    name=$etag-$state
    rm -f "$tmp/srv/state"
    start_tiercache "$name" "$(bad srv etag/$etag/plain)" readahead=0 \
                    cache-dir="$tmp/$name" fetch-retries=0
    [ "$(read_blocks "$name" 0 7)" = "8 0" ] || fail "$name: not readable"

    # One connection sees it happen.
    NEW=$state IMAGE=$image DIR=$tmp/srv nbdsh -u "$(uri "$name")" -c '
import os
image = open(os.environ["IMAGE"], "rb").read()
with open(os.environ["DIR"] + "/state", "w") as f:
    f.write(os.environ["NEW"])
for at in range(1 << 20, 2 << 20, 65536):
    try:
        h.pread(65536, at)
        raise SystemExit("read what is no longer there at %d" % at)
    except nbd.Error:
        pass
assert h.pread(8 << 16, 0) == image[:8 << 16]
'
    grep -qE 'http://127.0.0.1.*(changed|no such object)' "$tmp/$name.log" ||
      fail "$name: the message does not say what happened"

    if [ "$state" = vanished ]; then
      if nbdinfo --size "$(uri "$name")" >/dev/null 2>&1; then
        fail "$name: opened what is not there"
      fi
    else
      same_bytes "$name" "$tmp/$state"
    fi
    stop_nbdkit "$name"
  done
done

# In the middle of a body: the rest is of another version, or of none.
for etag in strong weak none; do
  for state in changed grown shrunk vanished; do
    name=body-$etag-$state
    rm -f "$tmp/srv/state"
    start_tiercache "$name" readahead=0 cache-dir="$tmp/$name" \
      "$(bad srv "etag/$etag/first/1/change-in-body/$state")"
    [ "$(read_blocks "$name" 0 2)" = "0 3" ] ||
      fail "$name: two versions in one reply"
    grep -qE 'http://127.0.0.1.*(changed|no such object)' "$tmp/$name.log" ||
      fail "$name: the message does not say what happened"
    stop_nbdkit "$name"
  done
done
