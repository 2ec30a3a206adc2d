#!/usr/bin/env bash
# A guest whose root file system is the export, read through qemu's nbd block
# driver from a slow web server: its init runs from there and reads every
# file, first with nothing cached.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"
. "$abs_top_srcdir/tests/vm/functions.sh"

requires command -v qemu-system-x86_64
requires command -v busybox

vm_kernel
make_tree "$tmp/root/data"
mkdir -p "$tmp"/root/{bin,dev,proc,sbin}
cp "$(command -v busybox)" "$tmp/root/bin/"
cat >"$tmp/root/sbin/init" <<'EOT'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox mount -t proc none /proc
echo "@root=$(/bin/busybox awk '$2 == "/" && $1 ~ /vda/ { print $3 }' /proc/mounts)"
cd /data
echo "@sum=$(/bin/busybox find . -type f ! -path './lost+found*' -print0 |
  /bin/busybox sort -z | /bin/busybox xargs -0 /bin/busybox sha256sum |
  /bin/busybox sha256sum)"
/bin/busybox poweroff -f
EOT
chmod 755 "$tmp/root/sbin/init"
start_nginx
make_ext4 "$www/image" 96M "$tmp/root"

vm_initrd <<'EOT'
until [ -b /dev/vda ]; do usleep 20000; done
mount -t ext4 -o ro /dev/vda /mnt
mount --move /dev /mnt/dev
exec switch_root /mnt /sbin/init
EOT

start_tiercache server "$nginx/slow/image" cache-dir="$tmp/cache" cache-size=256M
for round in cold warm; do
  vm_run 240 -snapshot \
    -drive "file=nbd:unix:$tmp/server.sock,format=raw,if=virtio"
  [ "$(vm_said root)" = ext4 ] || {
    tail -n 40 "$tmp/console.log"
    fail "$round: the root file system is not the export"
  }
  [ "$(vm_said sum)" = "$(tree_sum "$tmp/root/data")" ] ||
    fail "$round: the guest's checksums are not those of the files"
done
stop_nbdkit server
