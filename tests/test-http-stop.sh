#!/usr/bin/env bash
# SIGTERM ends the server while it waits for an origin that will not answer
# for an hour: in a read, in opening, with readers gone or waiting.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave srv

# stops_while PATH: with clients that wait.
stops_while ()
{
  local before client

  forget_requests srv
  : >"$tmp/stop.log"
  start_tiercache stop "$(bad srv "$1")" fetch-timeout=1h
  nbdsh -u "$(uri stop)" -c 'h.pread(1 << 20, 0)' >"$tmp/client.log" 2>&1 &
  client=$!
  wait_for 60 grep -qE "$2" "$tmp/srv/requests" || fail "$1: nothing asked"
  before=$(now_ms)
  stop_nbdkit stop
  echo "$1: ended after $(($(now_ms) - before)) ms"
  wait $client && fail "$1: the client read something"
  # Far from the hour, and from what the test's own patience would show.
  [ $(($(now_ms) - before)) -le 20000 ] || fail "$1: took too long"
}

data='range: bytes=[0-9]*-[0-9]{2,}'
for path in later/stall later/silent later/drip; do
  stops_while $path "$data"
done
stops_while silent .
stops_while later/busy/503/60 "$data"
