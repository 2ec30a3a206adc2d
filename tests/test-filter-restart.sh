#!/usr/bin/env bash
# With an id the cache is kept across restarts; without one nothing is.  The
# image is spoilt behind the filter's back, so that a byte read from it would
# show; holes are read like data, so that they are cached.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

make_image "$tmp/copy" 6M 3

for model in parallel serialize_requests; do
  with_model $model
  rm -rf "$tmp/cache"
  params=(--filter=noextents "--filter=$filter" "${model_filter[@]}"
          file "$tmp/image" "${model_parameter[@]}"
          "tiercache-dir=$tmp/cache" tiercache-size=64M)

  cp "$tmp/copy" "$tmp/image"
  start_nbdkit server "${params[@]}" tiercache-id=debian
  same_bytes server "$tmp/copy"
  stop_nbdkit server
  spoil_image "$tmp/image"
  start_nbdkit server "${params[@]}" tiercache-id=debian
  same_bytes server "$tmp/copy"
  stop_nbdkit server
  "$ctl" stat --json "$tmp/cache" | grep -q debian ||
    fail "tiercache-ctl stat does not name the id"

  # Another id is another thing, and so is none.
  start_nbdkit server "${params[@]}" tiercache-id=other
  same_bytes server "$tmp/image"
  stop_nbdkit server

  cp "$tmp/copy" "$tmp/image"
  start_nbdkit server "${params[@]}"
  same_bytes server "$tmp/copy"
  stop_nbdkit server
  spoil_image "$tmp/image"
  start_nbdkit server "${params[@]}"
  same_bytes server "$tmp/image"
  stop_nbdkit server
done

# An image that has got another size is another one.
cp "$tmp/copy" "$tmp/image"
truncate -s 7M "$tmp/image"
start_nbdkit server "${params[@]}" tiercache-id=debian
same_bytes server "$tmp/image"
stop_nbdkit server
