#!/usr/bin/env bash
# trace-replay: what was recorded is fetched in large requests before anybody
# asks for it, and nothing else is; clients then need the origin no more.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"
requires jq --version

trace=$tmp/x.trace
make_image "$image" 24M
start_nginx
cp "$image" "$www/image"
touch -d 2020-01-01 "$www/image"

# serve NAME PARAMETER...: from an empty cache.
serve ()
{
  local name=$1
  shift
  rm -rf "$tmp/cache"
  start_nbdkit "$name" -v -D tiercache.replay=1 -D tiercache.fetch=1 \
    "$plugin" "$nginx/slow/image" cache-dir="$tmp/cache" cache-size=64M "$@"
}

# Every fifth block of 64 KiB, and the first MiB, in an order in which
# read-ahead sees nothing.
read_some ()
{
  IMAGE=$image nbd_script "$(uri "$1")" <<'SCRIPT'
import os, random
image = open(os.environ["IMAGE"], "rb").read()
blocks = list(range(16)) + list(range(20, 384, 5))
random.Random(3).shuffle(blocks)
for block in blocks:
    at = (block << 16) + 1000
    if h.pread(300, at) != image[at:at + 300]:
        sys.exit("wrong bytes in block %d" % block)
SCRIPT
}
blocks=89

cached ()
{
  [ "$("$ctl" stat --json "$tmp/cache" | jq .blocks)" = "$1" ]
}

# replay NAME PARAMETER...: somebody connects, and reads nothing: the trace's
# blocks are fetched and stored, and read_some finds them.
replay ()
{
  local name=$1
  shift
  serve "$name" "$@"
  nbdinfo --size "$(uri "$name")" >/dev/null
  wait_for 60 cached $blocks || fail "$name: the blocks are not cached"
  nginx_requests >"$tmp/requests"
  nginx_forget
  read_some "$name"
  # Connecting asks for the version.
  nginx_requests | grep -v 'bytes=0-0' >"$tmp/late" || true
  [ ! -s "$tmp/late" ] || {
    cat "$tmp/late"
    fail "$name: the origin was asked for what is cached"
  }
}

serve first trace-record="$trace"
read_some first
stop_nbdkit first

nginx_forget
replay second trace-replay="$trace"
stop_nbdkit second
[ "$(sum_bytes <"$tmp/requests")" -le $((blocks * 65536 + 1)) ] ||
  fail "more than the recorded blocks was fetched"
asked=$(grep -c 'fetch: replay: .* bytes at' "$tmp/second.log")
# The first MiB is one request.
[ "$asked" = $((blocks - 15)) ] || fail "it took $asked requests"
grep -q "replay: .*asked for $blocks blocks in $asked requests" \
  "$tmp/second.log" || fail "the log does not say how much was replayed"

# One file for both: every run teaches the next, from the first one on.
serve teach trace-record="$tmp/one" trace-replay="$tmp/one"
read_some teach
stop_nbdkit teach
replay taught trace-record="$tmp/one" trace-replay="$tmp/one"
# Killed, it keeps what it knew.
kill_nbdkit taught
replay still trace-record="$tmp/one" trace-replay="$tmp/one"
stop_nbdkit still
replay again trace-record="$tmp/one" trace-replay="$tmp/one"
stop_nbdkit again

# Another version: the same blocks of it.
make_image "$image" 24M 2
cp "$image" "$www/image.new"
mv "$www/image.new" "$www/image"
replay changed trace-replay="$trace"
stop_nbdkit changed

# A reader right from the start, with the replay: right bytes, and each block
# is fetched once.
serve race trace-replay="$trace"
nginx_forget
read_some race
wait_for 60 cached $blocks || fail "the blocks are not cached"
stop_nbdkit race
[ "$(nginx_requests | sum_bytes)" -le $((blocks * 65536 + 1)) ] ||
  fail "blocks were fetched twice"

# Of another image: nothing.
cp "$image" "$www/other"
start_nbdkit other -v -D tiercache.replay=1 "$plugin" "$nginx/other" \
  cache-dir="$tmp/cache-other" cache-size=64M trace-replay="$trace"
read_some other
stop_nbdkit other
! grep -q 'replay: ' "$tmp/other.log" || fail "another image was replayed"
