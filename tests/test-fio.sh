#!/usr/bin/env bash
# fio's own verification: each block names its place and has a checksum.

. "${abs_top_srcdir:-.}/tests/functions.sh"

size=32M
fio --name=write --filename="$tmp/image" --rw=write --bs=4k --size=$size \
  --verify=crc32c --do_verify=0 --verify_state_save=0 \
  --output="$tmp/write.log" >/dev/null

# verify NAME RW: all of the export in that order.
verify ()
{
  (cd "$tmp" &&
     fio --name=verify --ioengine=nbd --uri="$(uri "$1")" --rw="$2" --bs=4k \
       --size=$size --iodepth=32 --verify=crc32c --verify_fatal=1 \
       --verify_state_save=0 --output="$tmp/verify.log" >/dev/null 2>&1)
}

start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=256M
verify server randread || fail "cold random reads"
verify server read || fail "warm sequential reads"
verify server randread || fail "warm random reads"
stop_nbdkit server

# It does see what is wrong.
spoil_image "$tmp/image"
start_nbdkit stock file "$tmp/image"
! verify stock read || fail "fio has not verified anything"
stop_nbdkit stock
