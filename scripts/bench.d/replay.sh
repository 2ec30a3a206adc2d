# The replay part: the second boot of a virtual machine from a cold cache.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used in the other parts, or set there

boot_image=$work/boot.img
boot_files=4800                 # of 72 KiB: 337 MiB

# An ext4 root whose init reads all of its files, in an order that nothing on
# disk explains.
boot_make ()
{
  [ ! -e "$boot_image.done" ] || return 0
  echo "making $boot_image" >&2
  mkdir -p "$tmp"/root/{bin,dev,proc,sbin}
  cp "$(command -v busybox)" "$tmp/root/bin/"
  python3 "$lib/boot.py" "$tmp/root" $boot_files
  cat >"$tmp/root/sbin/init" <<'EOT'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox mount -t proc none /proc
busybox xargs cat </list | busybox wc -c | busybox sed 's/^/@read=/'
busybox poweroff -f
EOT
  chmod 755 "$tmp/root/sbin/init"
  truncate -s 0 "$boot_image"
  truncate -s 400M "$boot_image"
  mke2fs -q -F -t ext4 -d "$tmp/root" "$boot_image"
  rm -rf "$tmp/root"
  sync "$boot_image"
  : >"$boot_image.done"
}

# The guest's kernel, from the tests.
boot_prepare ()
{
  local abs_top_builddir=$build

  requires qemu-system-x86_64 busybox cpio apt-get
  fail () { die "$@"; }
  TIERCACHE_VM_DIR=${TIERCACHE_VM_DIR:-$work/kernel}
  # shellcheck source=tests/vm/functions.sh
  . "$top/tests/vm/functions.sh"
  vm_kernel
  vm_initrd <<'EOT'
until [ -b /dev/vda ]; do usleep 20000; done
mount -t ext4 -o ro /dev/vda /mnt
mount --move /dev /mnt/dev
exec switch_root /mnt /sbin/init
EOT
}

# boot SIDE: how long it takes, in milliseconds, up to the end of qemu.
boot ()
{
  local began

  began=$(date +%s%N)
  vm_run 600 -snapshot \
    -drive "file=nbd:unix:$tmp/ours.sock,format=raw,if=virtio"
  result boot "$1" $((($(date +%s%N) - began) / 1000000))
  [ "$(vm_said read)" -ge $((300 << 20)) ] || die "the guest has read too little"
}

# boot_serve PARAMETER...: from a cold cache.
boot_serve ()
{
  wipe ours
  serve_ours ours url="http://127.0.0.1:$port_100/boot.img" "$@"
}

bench_replay ()
{
  local round trace=$tmp/boot.trace

  boot_make
  boot_prepare
  nginx_probe=boot.img nginx_start
  cat "$boot_image" >/dev/null
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    boot_serve trace-record="$trace"
    boot cold
    boot warm
    boot_serve trace-replay="$trace"
    log_start
    boot replay
    read -r requests bytes < <(log_read)
    result boot-bytes ours "$bytes"
    result boot-requests ours "$(ratio "$requests" $((bytes >> 20)))"
  done
  wipe ours
  nginx_stop
}
