#!/usr/bin/env bash
# Without cache-dir the cache has a place of its own for each image: under
# /var/cache for root, under the user's cache directory for others.

. "${abs_top_srcdir:-.}/tests/functions.sh"

requires_root
requires unshare -m true

make_image "$tmp/image" 1M 1
make_image "$tmp/other" 1M 2

# Root, with a /var/cache that is not the machine's.
# shellcheck disable=SC2016  # expanded there
env -u XDG_CACHE_HOME unshare -m bash -e -c '
  mount -t tmpfs none /var/cache
  for image in "$2" "$3"; do
    nbdkit -U - "$1" "$image" cache-size=64M --run "nbdcopy \$uri - | cmp - $image"
  done
  find /var/cache -mindepth 2
' - "$plugin" "$tmp/image" "$tmp/other" >"$tmp/found"
[ "$(grep -c '^/var/cache/tiercache/[^/]*$' "$tmp/found")" -eq 2 ] || {
  cat "$tmp/found"
  fail "expected two directories under /var/cache/tiercache"
}

# Somebody else.
mkdir "$tmp/home"
chown 65534:65534 "$tmp/home"
cp "$plugin" "$tmp/plugin.so"
for variable in HOME XDG_CACHE_HOME; do
  case $variable in
    HOME) dir=$tmp/home/.cache/tiercache; unset=XDG_CACHE_HOME ;;
    *) dir=$tmp/home/tiercache; unset=HOME ;;
  esac
  as_nobody env -u $unset $variable="$tmp/home" \
    "${nbdkit_command[@]}" -U - "$tmp/plugin.so" "$tmp/image" \
    cache-size=64M --run "nbdcopy \$uri - | cmp - $tmp/image"
  [ "$(find "$dir" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ] ||
    fail "expected one directory under $dir"
  [ "$(stat -c %a "$dir"/*)" = 700 ] || fail "the cache is open to others"
done
