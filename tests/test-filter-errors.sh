#!/usr/bin/env bash
# The next layer's errors reach the client as they are, from whatever thread
# read; what can be had is had; and what can't work is refused with a reason.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

make_image "$tmp/image" 4M
cache=("tiercache-dir=$tmp/cache" tiercache-size=64M tiercache-id=x)

# Nothing is cached of a read that failed: once the layer below reads again,
# so do we.
for model in "${models[@]}"; do
  with_model "$model"
  start_nbdkit server --filter="$filter" --filter=error "${model_filter[@]}" \
    file "$tmp/image" error-pread=ENOSPC error-pread-rate=100% \
    error-pread-file="$tmp/fail" "${cache[@]}" tiercache-id="$model" \
    "${model_parameter[@]}"
  : >"$tmp/fail"
  nbd_script "$(uri server)" <<'PYTHON'
import errno
for count, offset in (4096, 0), (65536, 1 << 20), (2 << 20, 12345):
    try:
        h.pread(count, offset)
        assert False, "no error"
    except nbd.Error as e:
        assert e.errnum == errno.ENOSPC, e
try:
    h.cache(65536, 0)
    assert False, "no error"
except nbd.Error as e:
    assert e.errnum == errno.ENOSPC, e
PYTHON
  rm "$tmp/fail"
  same_bytes server "$tmp/image"
  : >"$tmp/fail"
  same_bytes server "$tmp/image"
  rm "$tmp/fail"
  stop_nbdkit server
done

# Blocks that the next layer can't be read in.
start_nbdkit server --filter="$filter" --filter=blocksize-policy \
  file "$tmp/image" blocksize-minimum=64K blocksize-preferred=64K \
  tiercache-dir="$tmp/cache4k" tiercache-size=64M tiercache-block-size=4K
if nbdinfo "$(uri server)" >"$tmp/nbdinfo.log" 2>&1; then
  fail "blocks smaller than what the next layer reads were accepted"
fi
grep -q 'tiercache-block-size=4096: the next layer can only be read in units of 65536' \
  "$tmp/server.log" || fail "no reason was given"
stop_nbdkit server

# It is read-only, says so, and shows extents of the next layer.
start_nbdkit plain file "$tmp/image"
start_nbdkit server --filter="$filter" file "$tmp/image" "${cache[@]}"
nbd_script "$(uri server)" <<'PYTHON'
assert h.is_read_only() and h.can_multi_conn() and h.can_cache()
assert not h.can_flush() and not h.can_trim() and not h.can_zero()
PYTHON
nbdinfo --map "$(uri plain)" >"$tmp/plain.map"
nbdinfo --map "$(uri server)" >"$tmp/server.map"
cmp "$tmp/plain.map" "$tmp/server.map"
grep -q hole "$tmp/server.map" || fail "no holes in the image"
qemu-img convert -f raw -O raw "$(uri server)" "$tmp/converted"
cmp "$tmp/converted" "$tmp/image"
stop_nbdkit plain
stop_nbdkit server

# A filter that was built for another nbdkit.
version=$(nbdkit --version | cut -d ' ' -f 2)
other=${version%?}x
perl -pe "s/\\Q$version\\E/$other/g" "$filter" \
  >"$tmp/nbdkit-tiercache-filter.so"
if "${nbdkit_command[@]}" -U - --filter="$tmp/nbdkit-tiercache-filter.so" \
     memory 1M "${cache[@]}" --run true 2>"$tmp/version.log"; then
  fail "a filter for $other was taken by $version"
fi
grep -q "$other" "$tmp/version.log" || fail "nbdkit does not name $other"
