#!/usr/bin/env bash
# Clients come and go: no descriptors and no threads are left behind.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 4M
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M
pid=${server_pid[server]}
same_bytes server "$tmp/image"

# come_and_go COUNT: clients that read something and leave politely.
come_and_go ()
{
  nbd_script "$(uri server)" "$1" <<'PYTHON'
for i in range(int(sys.argv[1])):
    client = nbd.NBD()
    client.connect_uri(h.get_uri())
    client.pread(512, i * 512)
    client.shutdown()
PYTHON
}

# find fails if what it has listed ends before it has looked at it.
descriptors ()
{
  { find "/proc/$pid/fd" -mindepth 1 2>/dev/null || true; } | wc -l
}

threads ()
{
  { find "/proc/$pid/task" -mindepth 1 -maxdepth 1 2>/dev/null || true; } |
    wc -l
}

no_more_than_before ()
{
  [ "$(descriptors)" -le "$fds" ] && [ "$(threads)" -le "$tasks" ]
}

come_and_go 10
# What a first client leaves is the server's for good.
wait_for 60 test "$(descriptors)" -lt 60 || true
fds=$(($(descriptors) + 2)) tasks=$(($(threads) + 2))
come_and_go 200
wait_for 60 no_more_than_before ||
  fail "$(descriptors) descriptors and $(threads) threads, before" \
    "$fds and $tasks"
same_bytes server "$tmp/image"
stop_nbdkit server
