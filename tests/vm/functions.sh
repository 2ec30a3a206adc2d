# A guest: Debian's cloud kernel, busybox, and what a test adds to it.
# shellcheck shell=bash source=tests/functions.sh
# shellcheck disable=SC2154  # $tmp and the rest are from tests/functions.sh

# The kernel is unpacked once and kept here.
vm_cache=${TIERCACHE_VM_DIR:-$abs_top_builddir/tests/vm/kernel}
vm_modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev
  virtio_pci failover net_failover virtio_net nbd virtio_blk"

# vm_kernel: $vm_cache/vmlinuz and modules, from the Debian package, which is
# unpacked and not installed.
vm_kernel ()
{
  local package unpacked=$tmp/kernel module file

  mkdir -p "$vm_cache"
  exec 8>"$vm_cache/lock"
  flock 8
  if [ ! -f "$vm_cache/complete" ]; then
    mkdir "$unpacked"
    package=$(apt-cache depends linux-image-cloud-amd64 |
                sed -n 's/.*Depends: \(linux-image-\)/\1/p' | head -n 1)
    [ -n "$package" ] || fail "apt knows no linux-image-cloud-amd64"
    (cd "$unpacked" && apt-get download "$package" >apt.log 2>&1) || {
      cat "$unpacked/apt.log"
      fail "cannot download $package"
    }
    dpkg -x "$unpacked"/*.deb "$unpacked/root"
    cp "$unpacked"/root/boot/vmlinuz-* "$vm_cache/vmlinuz"
    for module in $vm_modules; do
      file=$(find "$unpacked/root/lib/modules" -name "$module.ko")
      # What is not a module is built in.
      [ -z "$file" ] || cp "$file" "$vm_cache/"
    done
    rm -rf "$unpacked"
    touch "$vm_cache/complete"
  fi
  exec 8>&-
}

# vm_add_program FILE: into the initial file system, with its libraries.
vm_add_program ()
{
  local library

  cp "$1" "$tmp/initrd/bin/"
  for library in $(ldd "$1" | grep -oE '/[^ ]+'); do
    mkdir -p "$tmp/initrd${library%/*}"
    cp "$library" "$tmp/initrd$library"
  done
}

# vm_initrd <<SCRIPT: $tmp/initrd.gz, whose init loads the modules, brings up
# the network and runs the script.
vm_initrd ()
{
  local module

  mkdir -p "$tmp"/initrd/{bin,dev,proc,sys,mnt,modules}
  cp "$(command -v busybox)" "$tmp/initrd/bin/busybox"
  for module in $vm_modules; do
    [ ! -f "$vm_cache/$module.ko" ] ||
      cp "$vm_cache/$module.ko" "$tmp/initrd/modules/"
  done
  {
    echo '#!/bin/busybox sh'
    echo '/bin/busybox --install -s /bin'
    echo 'export PATH=/bin'
    echo 'mount -t proc none /proc; mount -t sysfs none /sys'
    echo 'mount -t devtmpfs none /dev'
    for module in $vm_modules; do
      [ ! -f "$vm_cache/$module.ko" ] || echo "insmod /modules/$module.ko"
    done
    cat
    echo 'poweroff -f'
  } >"$tmp/initrd/init"
  chmod 755 "$tmp/initrd/init"
  (cd "$tmp/initrd" && find . | cpio -o -H newc --quiet) | gzip -1 \
    >"$tmp/initrd.gz"
}

# vm_run SECONDS QEMU-OPTION...: boots it; the console goes to $tmp/console.
# The machine is emulated: nothing depends on KVM.
vm_run ()
{
  local seconds=$1
  shift
  timeout -k 10 "$seconds" qemu-system-x86_64 -accel tcg -cpu max -m 512 \
    -nographic -no-reboot -nodefaults -serial stdio -kernel "$vm_cache/vmlinuz" \
    -initrd "$tmp/initrd.gz" -append "console=ttyS0 quiet panic=-1" "$@" \
    </dev/null >"$tmp/console" 2>"$tmp/qemu.log" || {
      tail -n 40 "$tmp/console"
      fail "the guest did not end by itself"
    }
  tr -d '\r' <"$tmp/console" >"$tmp/console.log"
}

# vm_said NAME: what follows "@NAME=" on the console; the @ is there because
# the BIOS leaves characters of its own at the start of a line.
vm_said ()
{
  sed -n "s/^.*@$1=//p" "$tmp/console.log"
}
