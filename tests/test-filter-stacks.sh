#!/usr/bin/env bash
# Between nbdkit's other filters, above and below: the bytes are the same as
# without this one.  In every thread model, and to several clients at once.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

make_image "$tmp/image" 4M 1
make_image "$tmp/other" 3M 2
cache=("tiercache-dir=$tmp/cache" tiercache-size=64M tiercache-block-size=16K)

# stack NAME EXPECTED ARG...: two clients at once, then a third, see EXPECTED.
# --filter=US among the arguments is this filter.
stack ()
{
  local name=$1 expected=$2 client
  shift 2
  start_nbdkit "$name" "${@/#--filter=US/--filter=$filter}" "${cache[@]}" \
    tiercache-id="$name"
  nbdcopy "$(uri "$name")" - | cmp - "$expected" &
  client=$!
  same_bytes "$name" "$expected"
  wait $client || fail "$name: the other client"
  same_bytes "$name" "$expected"
  stop_nbdkit "$name"
  echo "$name"
}

for model in "${models[@]}"; do
  with_model "$model"
  stack "$model" "$tmp/image" --filter=US "${model_filter[@]}" \
    file "$tmp/image" "${model_parameter[@]}"
done

image=(file "$tmp/image")
for f in cow retry readahead stats cache; do
  more=()
  [ $f != stats ] || more=("statsfile=$tmp/stats")
  stack $f-above "$tmp/image" --filter=$f --filter=US "${image[@]}" \
    "${more[@]}"
  stack $f-below "$tmp/image" --filter=US --filter=$f "${image[@]}" \
    "${more[@]}"
done

for plugin_below in "memory 4M" "pattern 4M"; do
  read -ra below <<<"$plugin_below"
  start_nbdkit plain "${below[@]}"
  nbdcopy --no-extents "$(uri plain)" "$tmp/plain"
  stop_nbdkit plain
  stack "${below[0]}" "$tmp/plain" --filter=cow --filter=US --filter=delay \
    "${below[@]}" rdelay=5ms
done
stack delay-above "$tmp/image" --filter=delay --filter=US "${image[@]}" \
  rdelay=5ms

# What is compressed is cached as it is, or what came out of it.
xz --keep --block-size=512K "$tmp/image"
packed=(file "$tmp/image.xz")
stack xz-above "$tmp/image" --filter=xz --filter=US "${packed[@]}"
stack xz-below "$tmp/image" --filter=US --filter=xz "${packed[@]}"

# Several at once, on both sides.
stack several "$tmp/image" --filter=cow --filter=readahead --filter=US \
  --filter=retry --filter=xz --filter=delay "${packed[@]}" rdelay=5ms

# The partition filter, on a disk of two partitions.
disk=(partitioning "$tmp/other" "$tmp/image" partition-type=gpt partition=2)
stack partition-above "$tmp/image" --filter=partition --filter=US "${disk[@]}"
stack partition-below "$tmp/image" --filter=US --filter=partition "${disk[@]}"

# Requests no larger than 64 KiB below.
stack small-below "$tmp/image" --filter=US --filter=blocksize-policy \
  "${image[@]}" blocksize-minimum=512 blocksize-preferred=4096 \
  blocksize-maximum=64K blocksize-error-policy=error

# Errors that go away, retried below.
stack errors-below "$tmp/image" --filter=US --filter=retry --filter=error \
  "${image[@]}" error-pread-rate=10% retry-delay=1 \
  retry-exponential=no retries=100

# Above, where a retry opens and closes all that is below it.
stack errors-above "$tmp/image" --filter=retry --filter=error --filter=US \
  "${image[@]}" error-pread-rate=10% retry-delay=1 \
  retry-exponential=no retries=100

# It measures the CPU first, and gives up where that is too busy.
encrypt ()
{
  qemu-img convert -O luks --object secret,data=secret,id=s0 \
    -o key-secret=s0,iter-time=10 -f raw "$tmp/image" "$tmp/luks"
}
wait_for 120 encrypt || fail "qemu-img does not encrypt"
encrypted=(file "$tmp/luks" passphrase=secret)
stack luks-above "$tmp/image" --filter=luks --filter=US "${encrypted[@]}"
stack luks-below "$tmp/image" --filter=US --filter=luks "${encrypted[@]}"

# What is written to a cow above does not reach the cache.
start_nbdkit cow --filter=cow --filter="$filter" "${image[@]}" "${cache[@]}" \
  tiercache-id=cow-written
nbdsh -u "$(uri cow)" -c '
h.pread (65536, 0)
h.pwrite (b"x" * 65536, 0)
assert h.pread (65536, 0) == b"x" * 65536
'
stop_nbdkit cow
start_nbdkit cow --filter=cow --filter="$filter" "${image[@]}" "${cache[@]}" \
  tiercache-id=cow-written
same_bytes cow "$tmp/image"
stop_nbdkit cow

# Over the plugin of the same name.  They share their debug flags by name,
# which ASan does not like.
sanitized || stack both "$tmp/image" --filter=US "$plugin" "$tmp/image" \
  cache-dir="$tmp/cache-plugin" cache-size=64M
