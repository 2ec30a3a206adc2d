#!/usr/bin/env bash
# A plain image from nginx: its size, all of its bytes, any part of them.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

start_nginx
make_image "$image" 20M
truncate -s -1234 "$image"
cp "$image" "$www/a b%+@.img"

start_tiercache one "$nginx/slow/a%20b%25+@.img?version=1#fragment"
[ "$(nbdinfo --size "$(uri one)")" -eq "$(stat -c %s "$image")" ] ||
  fail "the size is another"
IMAGE=$image nbdsh -u "$(uri one)" -c '
import os, random
image = open(os.environ["IMAGE"], "rb").read()
r = random.Random(7)
for _ in range(200):
    at = r.randrange(len(image))
    count = min(r.choice((1, 511, 4096, 70000, 300000)), len(image) - at)
    assert h.pread(count, at) == image[at:at + count], at
'
same_bytes one "$image"
stop_nbdkit one

# The parts on their own, without anything cached, at other block sizes.
for size in 4K 1M 4M; do
  start_tiercache "two$size" "$nginx/a%20b%25+@.img" cache-block-size="$size" \
                  cache-dir="$tmp/cache$size"
  same_bytes "two$size" "$image"
  stop_nbdkit "two$size"
done
