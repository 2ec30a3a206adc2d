#!/usr/bin/env bash
# Bodies that come in pieces, break off, or are longer than they should be.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 6M
start_misbehave srv

# However they are sent, and with breaks that another try gets over.
for path in chunked until-close early-hints http10/plain close/plain \
            http10/until-close close/chunked \
            every/3/cut every/3/reset every/3/no-body every/3/reset-at-once \
            every/3/until-close-cut every/3/chunked-broken; do
  works "$(bad srv $path)"
done

# A body that broke off is not asked for from its beginning.
start_tiercache resumed "$(bad srv first/1/cut)" readahead=0
forget_requests srv
read_blocks resumed 0 0 >/dev/null
[ "$(requests srv 'range: bytes=32768-65535( |$)')" -eq 1 ] ||
  fail "not resumed where it broke off"
stop_nbdkit resumed

# Always broken: right bytes or errors.
for path in cut reset until-close-cut chunked-broken chunked-long long longer; do
  never_wrong "$(bad srv $path)" fetch-retries=1
  never_wrong "$(bad srv later/$path)" fetch-retries=1
done
for path in no-body reset-at-once; do
  refused "http://127.0.0.1" "$(bad srv $path)" fetch-retries=1
  fails_reading "http://127.0.0.1" "$(bad srv later/$path)" fetch-retries=1
done
