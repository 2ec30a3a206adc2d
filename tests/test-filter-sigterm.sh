#!/usr/bin/env bash
# SIGTERM ends the server while clients wait for slow reads, long before the
# reads would have come back.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

make_image "$tmp/image" 8M
for model in parallel serialize_requests; do
  with_model $model
  start_nbdkit server --filter="$filter" "${model_filter[@]}" --filter=log \
    --filter=delay file "$tmp/image" rdelay=120 logfile="$tmp/calls" \
    tiercache-dir="$tmp/cache" tiercache-size=64M "${model_parameter[@]}"
  nbdsh -u "$(uri server)" -c '
for i in range (40):
    h.aio_pread (nbd.Buffer (65536), i << 17)
while h.aio_in_flight ():
    h.poll (-1)
' >"$tmp/client.log" 2>&1 &
  client=$!
  wait_for 60 grep -qs Read "$tmp/calls" || fail "nothing was read"

  before=$(now_ms)
  stop_nbdkit server
  took=$(($(now_ms) - before))
  echo "$model: ended after $took ms"
  [ $took -lt 15000 ] || fail "it took $took ms to end"
  kill $client 2>/dev/null || true
  wait $client 2>/dev/null || true
  rm "$tmp/calls"
done
