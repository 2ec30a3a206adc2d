#!/usr/bin/env bash
# Clients that vanish while many of their replies are being sent.  nbdkit 1.32
# itself may abort then, with any plugin that answers in parallel.  Nothing
# else may happen to our plugin and filter, and their caches are whole
# afterwards.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

its_own="raw_send_socket: Assertion \`sock >= 0' failed"

# vanish URI: a client that asks for much and is killed while it comes.
vanish ()
{
  nbd_script "$1" <<'PYTHON' >/dev/null 2>&1 || true
import os, signal
size = h.get_size()
n = 256 << 10
for i in range(100):
    h.aio_pread(nbd.Buffer(n), i * n % (size - n))
h.poll(100)
os.kill(os.getpid(), signal.SIGKILL)
PYTHON
}

# vanishing NAME: until the server has ended, at most so often.
vanishing ()
{
  local i
  for ((i = 0; i < 12; i++)); do
    vanish "$(uri "$1")" 2>/dev/null
    ! ended "${server_pid[$1]}" || return 0
  done
}

# how_ended NAME: sets how to "alive", or "aborted" if it was nbdkit's own
# abort; anything else fails.
how_ended ()
{
  local pid=${server_pid[$1]} status=0
  how=alive
  ended "$pid" || return 0
  wait "$pid" || status=$?
  unset "server_pid[$1]"
  [ $status -eq 134 ] || fail "$1 ended with status $status"
  # The last word before the end is what ended it.
  tail -n 1 "$tmp/$1.log" | grep -qF "$its_own" ||
    fail "$1 was aborted by something else than nbdkit's own assertion"
  how=aborted
}

start_nbdkit stock memory 64M
vanishing stock
how_ended stock
echo "nbdkit with its memory plugin: $how"
[ $how = aborted ] || stop_nbdkit stock

make_image "$tmp/image" 64M

for way in "${ways[@]}"; do
  for _ in 1 2; do
    start_way "$way" ours "$tmp/image" "$tmp/cache-$way" 256M
    vanishing ours
    how_ended ours
    echo "nbdkit with ours ($way): $how"
    [ $how = aborted ] || stop_nbdkit ours
    start_way "$way" ours "$tmp/image" "$tmp/cache-$way" 256M
    same_bytes ours "$tmp/image"
    stop_nbdkit ours
  done
done
