#!/usr/bin/env bash
# The same with a server that does heed If-Match: a file of nginx replaced,
# rewritten or removed while the export is open.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

start_nginx
make_image "$image" 2M 1
make_image "$tmp/other" 2M 2

for how in replaced shorter removed; do
  cp "$image" "$www/$how"
  touch -d "2020-01-01" "$www/$how"
  start_tiercache "$how" "$nginx/$how" readahead=0 fetch-retries=0
  [ "$(read_blocks "$how" 0 3)" = "4 0" ] || fail "$how: not readable"
  HOW=$how WWW=$www OTHER=$tmp/other IMAGE=$image nbdsh -u "$(uri "$how")" -c '
import os, shutil
image = open(os.environ["IMAGE"], "rb").read()
assert h.pread(65536, 0) == image[:65536]
path = os.environ["WWW"] + "/" + os.environ["HOW"]
how = os.environ["HOW"]
if how == "replaced":
    shutil.copy(os.environ["OTHER"], path + ".new")
    os.rename(path + ".new", path)
elif how == "shorter":
    os.truncate(path, 1 << 20)
else:
    os.unlink(path)
try:
    h.pread(65536, 1 << 20)
    raise SystemExit("read what is no longer there")
except nbd.Error:
    pass
assert h.pread(4 << 16, 0) == image[:4 << 16]
'
  if [ "$how" = replaced ]; then
    same_bytes "$how" "$tmp/other"
  fi
  stop_nbdkit "$how"
done
