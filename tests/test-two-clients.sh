#!/usr/bin/env bash
# Clients that read the same cold image at once, each on several connections.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 48M
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=256M
clients=()
for _ in 1 2 3 4; do
  nbdcopy --connections=4 "$(uri server)" - | cmp - "$tmp/image" &
  clients+=($!)
done
for client in "${clients[@]}"; do
  wait "$client" || fail "wrong bytes"
done
stop_nbdkit server
