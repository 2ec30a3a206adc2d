#!/usr/bin/env bash
# Over nbdkit's own plugins, the filter shows what they show without it: cold,
# and again from the cache.  The thread models are theirs: parallel (file,
# memory, pattern, nbd, data), serialize_requests (curl, xz) and
# serialize_all_requests (sh).  For ssh see test-filter-ssh.sh.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

make_image "$tmp/image" 5M
xz --keep --block-size=1M "$tmp/image"
cat >"$tmp/script" <<EOT
#!/bin/bash
case \$1 in
  get_size) stat -c %s "$tmp/image" ;;
  pread) dd if="$tmp/image" iflag=skip_bytes,count_bytes skip=\$4 count=\$3 \
           status=none ;;
  *) exit 2 ;;
esac
EOT
chmod +x "$tmp/script"

# same_as_without NAME ARG...: nbdkit ARG... with the filter and without.
same_as_without ()
{
  local name=$1 round
  shift
  start_nbdkit "$name-plain" "$@"
  nbdcopy "$(uri "$name-plain")" "$tmp/expected"
  stop_nbdkit "$name-plain"
  for round in cold warm; do
    start_nbdkit "$name" --filter="$filter" "$@" tiercache-size=64M \
      tiercache-dir="$tmp/cache" tiercache-id="$name"
    same_bytes "$name" "$tmp/expected"
    same_bytes "$name" "$tmp/expected"
    stop_nbdkit "$name"
  done
  echo "$name: $round is the same"
  rm "$tmp/expected"
}

same_as_without file file "$tmp/image"
same_as_without memory memory 3M
same_as_without pattern pattern 5000001
same_as_without data data ' ( 0xab 0xcd )*1000000 '
same_as_without curl curl "file://$tmp/image" protocols=file
same_as_without sh sh "$tmp/script"
same_as_without xz --filter=xz file "$tmp/image.xz"
same_as_without delay --filter=delay file "$tmp/image" rdelay=10ms

start_nbdkit origin file "$tmp/image"
same_as_without nbd nbd socket="$tmp/origin.sock"
same_as_without nbd-shared nbd socket="$tmp/origin.sock" shared=true
stop_nbdkit origin

# A plugin that asks for the export's name, and aborts without one.
start_nbdkit origin file "$tmp/image"
same_as_without nbd-dynamic nbd socket="$tmp/origin.sock" dynamic-export=true
stop_nbdkit origin

# Without an id, plugins that do not promise all connections the same.
start_nbdkit sh --filter="$filter" sh "$tmp/script" tiercache-size=64M \
  tiercache-dir="$tmp/cache"
same_bytes sh "$tmp/image"
stop_nbdkit sh
