#!/usr/bin/env bash
# nbds: with pre-shared keys: the right key is let in, and no other; nothing
# secret is told.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires sh -c 'nbdkit --dump-config | grep -q tls=yes'

make_image "$tmp/image" 6M
key=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
echo "alice:$key" >"$tmp/keys.psk"
echo "alice:00112233445566778899aabbccddeeff" >"$tmp/wrong.psk"
start_nbdkit far --tls=require --tls-psk="$tmp/keys.psk" file "$tmp/image"

start_tiercache server cache-dir="$tmp/cache" cache-size=64M -v \
  "nbds+unix://alice@/?socket=$tmp/far.sock&tls-psk-file=$tmp/keys.psk" \
  -D tiercache.origin=1
same_bytes server "$tmp/image"
stop_nbdkit server

for uri in \
  "nbds+unix://alice@/?socket=$tmp/far.sock&tls-psk-file=$tmp/wrong.psk" \
  "nbds+unix://bob@/?socket=$tmp/far.sock&tls-psk-file=$tmp/keys.psk" \
  "nbds+unix://alice@/?socket=$tmp/far.sock&tls-psk-file=$tmp/none.psk" \
  "nbd+unix:///?socket=$tmp/far.sock"; do
  refused 'cannot connect' "$uri" cache-dir="$tmp/cache" cache-size=64M \
    fetch-retries=0
  if grep -qE 'alice|tls-psk-file' "$tmp/refused.log"; then
    fail "the message repeats who and with which key"
  fi
done

# A server without TLS is not spoken to in the clear.
start_nbdkit plain file "$tmp/image"
refused 'cannot connect' cache-dir="$tmp/cache" cache-size=64M \
  "nbds+unix://alice@/?socket=$tmp/plain.sock&tls-psk-file=$tmp/keys.psk" \
  fetch-retries=0
