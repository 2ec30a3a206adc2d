#!/usr/bin/env bash
# A directory of files: the export name is the file name, all from one cache,
# and no name leads out of the directory.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/export.sh"

mkdir "$tmp/vms" "$tmp/vms/sub"
make_image "$tmp/vms/one.img" 1M 1
make_image "$tmp/vms/two 100%25 #?&ä.img" 1M 2
make_image "$tmp/vms/sub/inside" 64K 3
make_image "$tmp/secret" 64K 4
echo hidden >"$tmp/vms/.hidden"
mkfifo "$tmp/vms/pipe"
ln -s one.img "$tmp/vms/link"

# read_name NAME: all bytes of that export.
read_name ()
{
  python3 - "$tmp/server.sock" "$1" <<'PYTHON'
import nbd, sys
h = nbd.NBD()
h.set_export_name(sys.argv[2])
h.connect_unix(sys.argv[1])
sys.stdout.buffer.write(h.pread(h.get_size(), 0))
PYTHON
}

for url in "$tmp/vms/" "file://$tmp/vms/"; do
  start_tiercache server "$url" cache-dir="$tmp/cache" cache-size=64M
  nbdinfo --list --json "$(uri server)" |
    jq -r '.exports[] | .["export-name"]' >"$tmp/names"
  printf '%s\n' link one.img 'two 100%25 #?&ä.img' | diff - "$tmp/names" ||
    fail "the list is not that of the files"
  while read -r name; do
    read_name "$name" | cmp - "$tmp/vms/$name" || fail "$name differs"
  done <"$tmp/names"

  # Many, so none is the default.
  if read_name "" >"$tmp/out" 2>"$tmp/client.log"; then
    fail "there is a default export of three"
  fi
  grep -q 'nbdinfo --list shows them' "$tmp/server.log" ||
    fail "nobody is told how to choose"

  no_way_out server one.img
  stop_nbdkit server
done

start_tiercache server "$tmp/vms/" cache-dir="$tmp/cache" cache-size=64M
# What comes and goes is seen by the next who asks.
rm "$tmp/vms/link" "$tmp/vms/two"*
read_name "" | cmp - "$tmp/vms/one.img" || fail "the only one is the default"
rm "$tmp/vms/one.img"
[ "$(nbdinfo --list --json "$(uri server)" 2>/dev/null |
       jq '.exports | length')" -eq 0 ] || fail "an empty directory has exports"
stop_nbdkit server

# The default cache is the directory's.
make_image "$tmp/vms/a" 1M 1
make_image "$tmp/vms/b" 1M 2
start_tiercache server "$tmp/vms/"
for name in a b; do
  read_name $name | cmp - "$tmp/vms/$name"
done
stop_nbdkit server
[ "$(find "$XDG_CACHE_HOME/tiercache" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ] ||
  fail "there is not one cache for the directory"
