#!/usr/bin/env bash
# A thousand exports, opened, read and closed, leave no memory and no
# descriptors behind.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires test -d /proc/self/fd

mkdir "$tmp/vms"
for ((i = 0; i < 1000; i++)); do
  truncate -s 1M "$tmp/vms/$i"
  echo "$i" >>"$tmp/vms/$i"
done
start_tiercache server "$tmp/vms/" cache-dir="$tmp/cache" cache-size=256M

round ()
{
  python3 - "$tmp/server.sock" <<'PYTHON'
import nbd, sys
for i in range(1000):
    h = nbd.NBD()
    h.set_export_name(str(i))
    h.connect_unix(sys.argv[1])
    data = h.pread(h.get_size() - (1 << 20), 1 << 20)
    assert data == b"%d\n" % i, data
    h.shutdown()
PYTHON
}

descriptors ()
{
  find "/proc/${server_pid[server]}/fd" -mindepth 1 2>/dev/null | wc -l
}

rss_kib ()
{
  awk '/^VmRSS/ { print $2 }' "/proc/${server_pid[server]}/status"
}

# Connections end a little after their clients.
settled ()
{
  [ "$(descriptors)" -le "$fds" ]
}

fds=$(descriptors)
round                           # the first takes what stays for all
fds=$((fds + 20))               # files of the cache among it
wait_for 60 settled ||
  fail "$(descriptors) descriptors are open, $fds at most were expected"
fds=$(descriptors)
before=$(rss_kib)
round
round
wait_for 60 settled || fail "descriptors grew from $fds to $(descriptors)"
after=$(rss_kib)
echo "memory: $before KiB, then $after KiB; descriptors: $fds"
# Two thousand more: less than 4 KiB for each.
if ! sanitized; then
  [ $((after - before)) -lt 8192 ] ||
    fail "memory grew from $before KiB to $after KiB"
fi
stop_nbdkit server
