#!/usr/bin/env bash
# The image changes while a client has it open: what is cached of the old
# version is still served, what is not is an error, and never are two versions
# mixed.  A client that connects afterwards sees the new one.

. "${abs_top_srcdir:-.}/tests/functions.sh"

# change HOW COMMAND...: with the first megabyte cached.
change ()
{
  local how=$1
  shift
  make_image "$tmp/image" 8M 1
  cp "$tmp/image" "$tmp/old"
  touch -d '2001-01-01' "$tmp/image"
  start_tiercache "$how" "$tmp/image" cache-dir="$tmp/cache-$how" \
    cache-size=64M readahead=0
  nbd_script "$(uri "$how")" "$tmp/old" "$how" "$@" <<'PYTHON'
import subprocess, sys
old = open(sys.argv[1], "rb").read()
how = sys.argv[2]
first = 1 << 20
def ask(what, at):
    try:
        got = h.pread(65536, at)
    except nbd.Error:
        return False
    if got != old[at:at + 65536]:
        raise SystemExit("%s: %s: wrong bytes at %d" % (how, what, at))
    return True
for at in range(0, first, 65536):
    assert ask("before", at)
subprocess.check_call(sys.argv[3:])
for at in range(0, first, 65536):
    assert ask("cached", at), "%s: cached bytes at %d were refused" % (how, at)
served = [at for at in range(first, len(old), 65536) if ask("not cached", at)]
# Only where the old file still exists can its bytes still be had.
if served and how not in ("replaced", "removed"):
    raise SystemExit("%s: %d is neither cached nor there" % (how, served[0]))
PYTHON
  if [ -e "$tmp/image" ]; then
    same_bytes "$how" "$tmp/image"
    same_bytes "$how" "$tmp/image"
  fi
  stop_nbdkit "$how"
}

make_image "$tmp/new" 8M 2
change truncated truncate -s 4M "$tmp/image"
change grown truncate -s 9M "$tmp/image"
change rewritten cp "$tmp/new" "$tmp/image"
change replaced mv "$tmp/new" "$tmp/image"
change removed rm "$tmp/image"
