#!/usr/bin/env bash
# warm brings an image, or a range of it, into the cache: into the directory
# that the plugin will have for it, or by the server that owns it; with many
# requests under way; and what it has got stays when it is ended.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"
. "$abs_top_srcdir/tests/ctl.sh"

head -c 24M /dev/urandom >"$image"
start_misbehave srv
cache=$tmp/cache

most_at_once ()
{
  sed 's/^\[\([0-9]*\)\].*/\1/' "$tmp/srv/requests" | sort -n | tail -n 1
}

# cached_blocks DIR
cached_blocks ()
{
  listed "$1" 'map(.blocks) | add // 0'
}

is_free ()
{
  "$ctl" list "$cache" >"$tmp/free.log" 2>&1
}

is_busy ()
{
  ! is_free && grep -q 'runs 8 commands already' "$tmp/free.log"
}

# Offline, all of it; then the plugin has it without asking for a byte.
url=$(bad srv slow/50)
ctl warm --cache-dir="$cache" --cache-size=64M "$url" | grep -q '24.0 MiB of 24.0 MiB cached' ||
  fail "not all was cached"
echo "$(most_at_once) at once, $(data_requests srv) requests"
[ "$(most_at_once)" -ge 4 ] || fail "the requests came one after the other"
[ "$(data_requests srv)" -le 40 ] || fail "in too many requests"
forget_requests srv
start_tiercache server "$url" cache-dir="$cache" cache-size=64M
same_bytes server "$image"
[ "$(data_requests srv)" -eq 0 ] || fail "it was fetched again"
stop_nbdkit server

# Without a directory: the one that the plugin takes.
ctl warm "$(bad srv plain)" 0-4M >"$tmp/out"
forget_requests srv
start_tiercache server "$(bad srv plain)" readahead=0
nbdsh -u "$(uri server)" -c 'h.pread (4 << 20, 0)'
[ "$(data_requests srv)" -eq 0 ] || fail "the plugin's directory is another"
stop_nbdkit server

# A range, a key, and what a directory is already stays.
rm -rf "$cache"
[ "$(ctl warm --json --cache-dir="$cache" --cache-key=some --cache-size=48M \
       --cache-block-size=16K --cache-compress=none "$image" 1M+2M)" = \
    '{"identity":"key:some","size":25165824,"offset":1048576,"end":3145728,"cached_bytes":2097152}' ] ||
  fail "warm --json"
ctl warm --cache-dir="$cache" --cache-key=some "$image" 20M- >"$tmp/out"
expect_listed '384 false' "$cache" '.[] | "\(.blocks) \(.pinned)"'
ctl stat --json "$cache" | jq -e '.block_size == 16384 and
  .budget == 50331648 and .compress == false' >/dev/null ||
  fail "the directory was changed"
ctl_fails 1 'has only 25165824 bytes' warm --cache-dir="$cache" "$image" 24M-
ctl_fails 1 'nothere' warm --cache-dir="$cache" "$tmp/nothere"
# What would not stay is refused.
ctl_fails 1 'does not tell versions apart' warm --cache-dir="$cache" \
  "$(bad srv etag/bare/plain)"
ctl warm --cache-dir="$cache" --cache-key=bare "$(bad srv etag/bare/plain)" 0-1M \
  >"$tmp/out"
expect_listed 64 "$cache" '.[] | select(.identity == "key:bare") | .blocks'
# More than fits is an error, once all has been fetched.
ctl_fails 1 'not all of it is cached' warm --cache-dir="$tmp/small" \
  --cache-size=10M "$image"
[ "$(du -sm "$tmp/small" | cut -f 1)" -le 10 ] || fail "more than its size"

# Online: by the server, in its directory.  Clients that leave end it: the
# eight commands that a server runs at a time are soon free for others.
rm -rf "$cache"
start_tiercache server "$(bad srv plain)" cache-dir="$cache" cache-size=64M
ctl warm --cache-dir="$cache" "$(bad srv plain)" 4M+4M >"$tmp/out"
expect_listed 64 "$cache" '.[0].blocks'
[ "$(nbdsh -u "$(uri server)" -c 'print (len (h.pread (4 << 20, 4 << 20)))')" \
    -eq 4194304 ] || fail "read"
expect_listed 64 "$cache" '.[0].hits'
forget_requests srv
clients=()
for _ in {1..12}; do          # four of them are refused
  "$ctl" warm --cache-dir="$cache" "$(bad srv later/slow/2000)" \
    >"$tmp/leave.log" 2>&1 &
  clients+=($!)
done
wait_for 60 grep -q 'bytes=[0-9]*-[0-9]\{2,\}' "$tmp/srv/requests" ||
  fail "nothing was asked for"
wait_for 60 is_busy || fail "eight commands and room for a ninth"
kill "${clients[@]}" 2>/dev/null || true
wait "${clients[@]}" 2>/dev/null || true
wait_for 60 is_free || fail "the server goes on for clients that have left"
[ "$(data_requests srv)" -lt 24 ] || fail "all of it was fetched"
stop_nbdkit server
[ "$(data_requests srv)" -lt 24 ] || fail "all of it was fetched"

# A terminal gets a bar, programs do not.
cat >"$tmp/terminal.py" <<'PYTHON'
import os, pty, sys
data = []
def read(fd):
    data.append(os.read(fd, 4096))
    return data[-1]
status = pty.spawn(sys.argv[1:], read)
out = b"".join(data)
assert status == 0, status
print(b"/s, " in out and b"[" in out)
PYTHON
terminal ()
{
  python3 "$tmp/terminal.py" "$ctl" "$@" </dev/null | tail -n 1
}
rm -rf "$cache"
[ "$(terminal warm --cache-dir="$cache" "$(bad srv slow/300)")" = True ] ||
  fail "no bar on a terminal"
rm -rf "$cache"
[ "$(terminal warm --json --cache-dir="$cache" "$(bad srv slow/300)")" = \
    False ] || fail "a bar with --json"

# Ctrl-C, offline: ended soon, and what is cached is kept.
rm -rf "$cache"
forget_requests srv
"$ctl" warm --cache-dir="$cache" --connections=2 "$(bad srv later/slow/300)" \
  >"$tmp/interrupted.log" 2>&1 &
client=$!
has_asked ()
{
  [ "$(data_requests srv)" -ge 5 ]
}
wait_for 60 has_asked || fail "not begun"
start=$(now_ms)
kill -INT $client
status=0
wait $client || status=$?
took=$(($(now_ms) - start))
echo "ended after $took ms"
[ $status -eq 130 ] || fail "Ctrl-C: status $status"
[ $took -lt 15000 ] || fail "Ctrl-C: it took $took ms"
there=$(cached_blocks "$cache")
echo "$there blocks of 384 are cached"
[ "$there" -ge 16 ] || fail "what was cached is gone"
[ "$there" -lt 384 ] || fail "it was not ended at all"

# The server is told to end while it warms for somebody.
start_tiercache server "$(bad srv plain)" cache-dir="$cache" cache-size=64M \
  fetch-timeout=1h
forget_requests srv
"$ctl" warm --cache-dir="$cache" "$(bad srv later/silent)" \
  >"$tmp/sigterm.log" 2>&1 &
client=$!
wait_for 60 grep -q 'bytes=[0-9]*-[0-9]\{2,\}' "$tmp/srv/requests" ||
  fail "nothing was asked for"
start=$(now_ms)
stop_nbdkit server
took=$(($(now_ms) - start))
echo "the server ended after $took ms"
[ $took -lt 15000 ] || fail "SIGTERM: it took $took ms"
status=0
wait $client || status=$?
[ $status -eq 1 ] || fail "status $status when the server ends"
grep -qE 'end(ed|ing)|stopped|shutting down' "$tmp/sigterm.log" ||
  fail "nobody was told that the server has ended"

# A filter has no URLs.
start_nbdkit server --filter="$filter" file "$image" tiercache-dir="$cache" \
  tiercache-size=64M
ctl_fails 1 'filter' warm --cache-dir="$cache" "$image"
stop_nbdkit server
