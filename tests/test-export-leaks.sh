#!/usr/bin/env bash
# A thousand exports, opened, read and closed, leave no memory and no
# descriptors behind: of a directory, of a directory on a web server, named one
# by one, and of a plugin below the filter.

# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"
requires test -d /proc/self/fd

start_nginx
mkdir "$www/vms"
named=()
for ((i = 0; i < 1000; i++)); do
  truncate -s 64K "$www/vms/$i"
  echo "$i" >>"$www/vms/$i"
  echo "<a href=\"$i\">$i</a>" >>"$www/index"
  named+=("export=$i=$www/vms/$i")
done
mv "$www/index" "$www/vms/index.html"

# round NAME: opens each, reads its last bytes.
round ()
{
  python3 - "$tmp/$1.sock" <<'PYTHON'
import nbd, sys
for i in range(1000):
    h = nbd.NBD()
    h.set_export_name(str(i))
    h.connect_unix(sys.argv[1])
    data = h.pread(h.get_size() - (64 << 10), 64 << 10)
    assert data == b"%d\n" % i, data
    h.shutdown()
PYTHON
}

descriptors ()
{
  { find "/proc/${server_pid[$1]}/fd" -mindepth 1 2>/dev/null || true; } | wc -l
}

rss_kib ()
{
  awk '/^VmRSS/ { print $2 }' "/proc/${server_pid[$1]}/status"
}

# settled NAME MOST: connections end a little after their clients.
settled ()
{
  [ "$(descriptors "$1")" -le "$2" ]
}

# leaves_nothing NAME ARG...: a nbdkit with these exports.
leaves_nothing ()
{
  local name=$1 fds before after
  shift
  start_nbdkit "$name" -t 4 "$@"
  fds=$(descriptors "$name")
  round "$name"                 # the first takes what stays for all
  fds=$((fds + 20))             # files of the cache among it
  wait_for 60 settled "$name" "$fds" ||
    fail "$name: $(descriptors "$name") descriptors are open, not $fds at most"
  fds=$(descriptors "$name")
  before=$(rss_kib "$name")
  round "$name"
  wait_for 60 settled "$name" "$fds" ||
    fail "$name: descriptors grew from $fds to $(descriptors "$name")"
  after=$(rss_kib "$name")
  echo "$name: $before KiB, then $after KiB; descriptors: $fds"
  # A thousand more: less than 4 KiB for each.
  if ! sanitized; then
    [ $((after - before)) -lt 4096 ] ||
      fail "$name: memory grew from $before KiB to $after KiB"
  fi
  stop_nbdkit "$name"
}

cache=("cache-dir=$tmp/cache" cache-size=256M)
leaves_nothing directory "$plugin" "$www/vms/" "${cache[@]}"
leaves_nothing listing "$plugin" "$nginx/vms/" "${cache[@]}"
leaves_nothing named "$plugin" "${named[@]}" "${cache[@]}"
leaves_nothing filter --filter="$filter" file dir="$www/vms" \
  tiercache-dir="$tmp/cache" tiercache-size=256M
