#!/usr/bin/env bash
# The kernel's nbd client, in a guest: mounts the export of an image on a slow
# web server over two connections and reads every file, cold and warm.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"
. "$abs_top_srcdir/tests/vm/functions.sh"

requires command -v qemu-system-x86_64
requires command -v nbd-client
requires command -v busybox

vm_kernel
make_tree "$tmp/tree"
start_nginx
make_ext4 "$www/image" 96M "$tmp/tree"
read -r port < <(free_ports 1)
start_nbdkit_tcp server "$port" "$plugin" "$nginx/slow/image" \
  cache-dir="$tmp/cache" cache-size=256M

mkdir -p "$tmp/initrd/bin"
vm_add_program "$(command -v nbd-client)"
vm_initrd <<EOT
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
for round in cold warm; do
  nbd-client -N "" 10.0.2.2 $port /dev/nbd0 -C 2
  mount -t ext4 -o ro /dev/nbd0 /mnt
  cd /mnt
  sum=\$(find . -type f ! -path './lost+found*' -print0 | sort -z |
        xargs -0 sha256sum | sha256sum)
  cd /
  echo "@\$round=\$sum"
  umount /mnt
  nbd-client -d /dev/nbd0
done
EOT
vm_run 240 -netdev user,id=n0 -device virtio-net-pci,netdev=n0,romfile=

for round in cold warm; do
  [ "$(vm_said $round)" = "$(tree_sum "$tmp/tree")" ] || {
    tail -n 40 "$tmp/console.log"
    fail "$round: the guest's checksums are not those of the files"
  }
done
stop_nbdkit server
