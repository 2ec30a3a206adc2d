# A clean Debian of its own for a test, booted: systemd is its process 1, in
# namespaces (systemd-nspawn); the network is the host's.  On top of
# functions.sh.  Nothing of it is left, or runs on, when the test ends.
# shellcheck shell=bash

# shellcheck disable=SC2154  # tmp is of functions.sh
machine_root=$tmp/machine
machine_name=tiercache-$$
# What is slow to come by is kept: the base system, and packages from Debian.
machine_kept=${TIERCACHE_ROOT_DIR:-$abs_top_srcdir/build-root}
machine_cgroups=()

# machine_make PACKAGE...: $machine_root, a minimal system with systemd and
# these packages.
machine_make ()
{
  local base packages=systemd-sysv release
  local IFS=,

  packages+=${*:+,$*}
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  base=$machine_kept/$release,$packages.tar
  mkdir -p "$machine_kept/archives"
  if [ ! -s "$base" ]; then
    mmdebstrap --quiet --format=tar --variant=minbase --skip=cleanup/apt/lists \
      --include="$packages" "$release" "$base.$$" >"$tmp/mmdebstrap.log" 2>&1 ||
      fail "there is no clean system to test in"
    mv "$base.$$" "$base"
  fi
  mkdir "$machine_root"
  tar -xf "$base" -C "$machine_root"
}

# machine_boot: returns when all of its units are up.
machine_boot ()
{
  machine_take_cgroups
  cleanup_fn machine_give_back
  (
    for group in "${machine_cgroups[@]}"; do
      echo "$BASHPID" >"$group/cgroup.procs"
    done
    # However the test ends, this ends too: with its first process, which
    # systemd-nspawn is, a name space of processes goes as a whole.
    exec setpriv --pdeathsig KILL \
      unshare --pid --fork --kill-child --mount-proc \
      systemd-nspawn --quiet --boot \
      --directory="$machine_root" --machine="$machine_name" \
      --register=no --keep-unit --link-journal=no --console=pipe \
      --bind="$machine_kept/archives:/var/cache/apt/archives"
  ) >"$tmp/machine.log" 2>&1 </dev/null &
  machine_pid=$!
  wait_for 60 machine_has_leader || fail "there is no systemd in the machine"
  wait_for 120 machine_is_up || {
    machine systemctl --failed --no-pager || true
    fail "the machine did not boot"
  }
}

# Groups of its own, so that two machines don't meet.  With the second version
# of cgroups there is one hierarchy, with both versions systemd uses two.
machine_take_cgroups ()
{
  local id controllers path mount group

  while IFS=: read -r id controllers path; do
    case $id:$controllers in
      0:) mount=$(findmnt -n -o TARGET -t cgroup2 | head -n 1) ;;
      *:name=systemd) mount=/sys/fs/cgroup/systemd ;;
      *) continue ;;
    esac
    group=$mount${path%/}/$machine_name
    mkdir "$group"
    machine_cgroups+=("$group")
  done </proc/self/cgroup
  [ ${#machine_cgroups[@]} -gt 0 ] || fail "there are no cgroups here"
}

# The process 1 of the machine.  Others come before it; "machine" in one of
# those would be the host.
machine_has_leader ()
{
  local nspawn

  nspawn=$(ps -o pid= --ppid "$machine_pid" | tr -d ' ')
  [ -n "$nspawn" ] || return 1
  machine_leader=$(ps -o pid= --ppid "$nspawn" | tr -d ' ')
  [[ $machine_leader =~ ^[0-9]+$ ]] &&
    [ "$(cat "/proc/$machine_leader/comm")" = systemd ] &&
    [ "/proc/$machine_leader/root/." -ef "$machine_root" ]
}

machine_is_up ()
{
  [ "$(machine systemctl is-system-running 2>/dev/null)" = running ]
}

# machine COMMAND ARG...: runs it there, as root.
machine ()
{
  nsenter -t "$machine_leader" -a -r -w -- env -i LC_ALL=C \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
    "$@"
}

# machine_apt ARG...: apt-get there.  The lists of packages may be too old.
machine_apt ()
{
  local apt=(machine apt-get -q -y -o APT::Keep-Downloaded-Packages=true
             -o Acquire::Retries=3)

  if ! "${apt[@]}" "$@" >>"$tmp/apt.log" 2>&1; then
    "${apt[@]}" update >>"$tmp/apt.log" 2>&1
    "${apt[@]}" "$@" >>"$tmp/apt.log" 2>&1 || fail "apt-get $*"
  fi
}

# machine_stop: as by the power button; it must go.
machine_stop ()
{
  kill -RTMIN+4 "$machine_leader"
  wait_for 60 ended "$machine_pid" || fail "the machine does not stop"
  wait "$machine_pid" || fail "the machine did not stop cleanly"
  machine_pid=
}

machine_give_back ()
{
  local group

  if [ -n "$machine_pid" ]; then
    kill -KILL "$machine_pid" || true
    wait "$machine_pid" || true
  fi
  for group in "${machine_cgroups[@]}"; do
    wait_for 10 machine_leaves "$group" || echo "$group is still in use"
  done
  # What systemd-nspawn itself forgets.
  rm -rf "/run/systemd/nspawn/propagate/$machine_name" \
    "/run/systemd/nspawn/locks/$(stat -c inode-%d:%i "$machine_root")"
} 2>/dev/null

# machine_leaves GROUP: its last process is gone.
machine_leaves ()
{
  [ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} +
}
