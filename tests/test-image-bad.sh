#!/usr/bin/env bash
# Images that cannot be served: each is an error that names the file.

. "${abs_top_srcdir:-.}/tests/functions.sh"

requires_root

cache=cache-dir=$tmp/cache
refused "$tmp/nothere: .*No such file" "$tmp/nothere" "$cache"
mkdir "$tmp/directory"
refused "$tmp/directory.*director" "$tmp/directory" "$cache"
mkfifo "$tmp/fifo"
refused "$tmp/fifo" "$tmp/fifo" "$cache"
truncate -s 0 "$tmp/empty"
refused "$tmp/empty.*empty" "$tmp/empty" "$cache"

# Unreadable, for somebody to whom that means something.
make_image "$tmp/secret" 1M
chmod 0 "$tmp/secret"
mkdir "$tmp/home"
chown 65534:65534 "$tmp/home"
cp "$plugin" "$tmp/plugin.so"
status=0
as_nobody env HOME="$tmp/home" "${nbdkit_command[@]}" -U "$tmp/home/s" \
  "$tmp/plugin.so" "$tmp/secret" cache-dir="$tmp/home/c" \
  --run "nbdinfo --size \$uri" >"$tmp/nobody.log" 2>&1 || status=$?
[ $status -eq 1 ] || fail "an unreadable image: status $status"
grep -q "$tmp/secret.*Permission denied" "$tmp/nobody.log" ||
  fail "an unreadable image: no word of it"
