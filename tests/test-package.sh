#!/usr/bin/env bash
# The Debian packages: built, checked by lintian, installed in a clean system
# that systemd runs, served as tiercache@NAME, upgraded, removed, purged.

. "${abs_top_srcdir:-.}/tests/http.sh"
# shellcheck source=tests/machine.sh
. "$abs_top_srcdir/tests/machine.sh"

requires_root
requires dpkg-buildpackage --version
requires command -v dh
requires lintian --version
requires mmdebstrap --version
requires systemd-nspawn --version

step ()
{
  echo "== $* ($SECONDS s)"
}

# ---------------------------------------------------------------- building

# In a copy: a package is built inside of its source.
build_packages ()
{
  mkdir -p "$tmp/packages/src"
  tar -c -C "$abs_top_srcdir" --exclude='./build*' --exclude=./.git . |
    tar -x -C "$tmp/packages/src"
  chmod -R u+w "$tmp/packages/src"
  (cd "$tmp/packages/src" &&
     DEB_BUILD_OPTIONS=parallel=2 dpkg-buildpackage -us -uc) \
    >"$tmp/build.log" 2>&1 </dev/null || fail "the packages can't be built"
}

check_with_lintian ()
{
  lintian --allow-root --fail-on error,warning \
    "$tmp"/packages/*.changes >"$tmp/lintian.log" 2>&1 || fail "lintian"
}

# deb NAME: the file of a package.
deb ()
{
  echo "$tmp"/packages/"$1"_*.deb
}

# files PACKAGE...: what is in them but for their own documentation.
files ()
{
  local package
  for package in "$@"; do
    dpkg-deb --fsys-tarfile "$(deb "$package")" | tar -t
  done | grep -v -e '/$' -e '^./usr/share/doc/' | sed 's/^.//' | sort -u
}

# has PACKAGE FILE...: it has these, under these very names.
has ()
{
  local package=$1 file
  shift
  files "$package" >"$tmp/files"
  for file in "$@"; do
    grep -qxF "$file" "$tmp/files" || fail "$package has no $file"
  done
}

check_files ()
{
  local plugin_file filter_file

  plugin_file=$(pkg-config --variable=plugindir nbdkit)/nbdkit-tiercache-plugin.so
  filter_file=$(pkg-config --variable=filterdir nbdkit)/nbdkit-tiercache-filter.so
  has nbdkit-plugin-tiercache "$plugin_file" \
    /usr/share/man/man1/nbdkit-tiercache-plugin.1.gz
  has nbdkit-filter-tiercache "$filter_file" \
    /usr/share/man/man1/nbdkit-tiercache-filter.1.gz
  has tiercache-tools /usr/bin/tiercache-ctl /usr/bin/tiercache-sim \
    /lib/systemd/system/tiercache@.service /etc/tiercache/example.conf \
    /usr/share/bash-completion/completions/tiercache-ctl \
    /usr/share/man/man8/tiercache-service.8.gz
  files "${parts[@]}" >"$tmp/parts"
  files nbdkit-tiercache | diff "$tmp/parts" - ||
    fail "the package of all has not what the parts have"
}

# The filter's package can be installed with this version of nbdkit only.
# allows VERSION: its dependencies do.
allows ()
{
  local relation version

  while read -r relation version; do
    dpkg --compare-versions "$1" "$relation" "$version" || return 1
  done < <(dpkg-deb -f "$(deb nbdkit-filter-tiercache)" Depends |
             grep -oE 'nbdkit \([^)]*\)' | sed 's/nbdkit (\(.*\))/\1/')
}

check_filter_version ()
{
  local v minor micro
  v=$(pkg-config --modversion nbdkit)
  IFS=. read -r _ minor micro <<<"$v"

  allows "$v-1" || fail "the filter is not for nbdkit $v-1"
  allows "$v-2+deb12u1" || fail "the filter is not for nbdkit $v-2+deb12u1"
  for v in "1.$minor.$((micro - 1))-9" "1.$minor.$((micro + 1))-1" \
             "1.$minor.${micro}0-1" "1.$((minor + 1)).0-1"; do
    ! allows "$v" || fail "the filter can be installed with nbdkit $v"
  done
}

# install_packages [OPTION] PACKAGE...
install_packages ()
{
  local package arguments=(--no-install-recommends)
  for package in "$@"; do
    case $package in
      -*) arguments+=("$package") ;;
      *) arguments+=("/root/$(basename "$(deb "$package")")") ;;
    esac
  done
  machine_apt install "${arguments[@]}"
}

# ---------------------------------------------------------------- serving

export_uri='nbd+unix:///?socket=/run/tiercache/debian.sock'

# configure NAME LINE...: /etc/tiercache/NAME.conf
configure ()
{
  local name=$1
  shift
  machine tee "/etc/tiercache/$name.conf" <<<"$(printf '%s\n' "$@")" >/dev/null
}

# bad_configuration PATTERN LINE...: refused at the start, with a reason, and
# not tried again.
bad_configuration ()
{
  local pattern=$1
  shift
  configure bad "$@"
  if machine systemctl start tiercache@bad 2>"$tmp/start.log"; then
    fail "tiercache@bad was started with $*"
  fi
  wait_for 10 status_says bad "$pattern" ||
    fail "the status for '$*' does not match '$pattern'"
  [ "$(property bad ActiveState)" = failed ] || fail "tiercache@bad goes on"
  machine systemctl stop tiercache@bad.socket
  machine systemctl reset-failed tiercache@bad
}

# status_says NAME PATTERN: what the service wrote may take a moment.
status_says ()
{
  machine systemctl --no-pager --full status "tiercache@$1" \
    >"$tmp/status.log" || true
  grep -qE -- "$2" "$tmp/status.log"
}

# property NAME PROPERTY: of tiercache@NAME.service.
property ()
{
  machine systemctl show -P "$2" "tiercache@$1"
}

serves_image ()
{
  machine nbdcopy "$export_uri" - | cmp - "$image" ||
    fail "the service does not serve the image"
}

all_is_cached ()
{
  machine tiercache-ctl stat --json /var/cache/tiercache/debian >"$tmp/stat" &&
    [ "$(value "$tmp/stat" .blocks)" -ge $((size / 65536)) ]
}

check_units ()
{
  machine systemd-analyze verify --man=no \
    /lib/systemd/system/tiercache@.service \
    /lib/systemd/system/tiercache@.socket >"$tmp/verify.log" 2>&1 ||
    fail "systemd-analyze verify"
  [ ! -s "$tmp/verify.log" ] || fail "systemd-analyze verify warns"
  # 0.0 is best, 10.0 is worst.
  machine systemd-analyze security --no-pager --offline=yes --threshold=20 \
    /lib/systemd/system/tiercache@.service >/dev/null ||
    fail "the service may do too much"
}

check_bad_configurations ()
{
  if machine systemctl start tiercache@none 2>"$tmp/start.log"; then
    fail "tiercache@none was started without a configuration"
  fi
  wait_for 10 status_says none 'AssertPathExists=/etc/tiercache/none.conf' ||
    fail "nobody says that there is no configuration"
  machine systemctl stop tiercache@none.socket

  bad_configuration 'nothing to serve' "# url=$nginx/image"
  bad_configuration 'line 2: expected NAME=VALUE' '' "$nginx/image"
  bad_configuration 'line 1: expected NAME=VALUE' "url = $nginx/image"
  bad_configuration 'line 1: expected NAME=VALUE' "--run=reboot"
  bad_configuration 'url: write the value without quotes' \
    "url=\"$nginx/image\""
  bad_configuration 'colour' "url=$nginx/image" colour=blue
  bad_configuration 'cache-dir: .*ReadWritePaths=/srv/tc' \
    "url=$nginx/image" cache-dir=/srv/tc
}

# The running service is asked, in its directory.
check_ctl ()
{
  machine tiercache-ctl verify /var/cache/tiercache/debian >"$tmp/verify.log" ||
    fail "tiercache-ctl can't talk to the service"
}

# Those who are not in the group can't connect; who is, can.
check_who_may_connect ()
{
  if machine setpriv --reuid=nobody --clear-groups --regid=nogroup \
       nbdinfo --size "$export_uri" 2>/dev/null; then
    fail "anybody can connect"
  fi
  machine setpriv --reuid=nobody --clear-groups --regid=tiercache \
    nbdinfo --size "$export_uri" >/dev/null
  [ "$(property debian User)" = tiercache ]
  machine stat -c %U:%a /var/cache/tiercache/debian >"$tmp/mode"
  [ "$(<"$tmp/mode")" = tiercache:700 ] || fail "mode $(<"$tmp/mode")"
}

# With nobody to fetch from, what is served comes from the cache.
check_restarts ()
{
  local before

  before=$(property debian MainPID)
  machine systemctl restart tiercache@debian
  [ "$(property debian MainPID)" -ne "$before" ]
  serves_image

  before=$(property debian MainPID)
  machine kill -ABRT "$before"
  serves_image
  [ "$(property debian NRestarts)" -eq 1 ] ||
    fail "systemd has not started it again after a crash"
}

# ---------------------------------------------------------------- the test

size=$((24 << 20))
parts=(nbdkit-plugin-tiercache nbdkit-filter-tiercache tiercache-tools)
step "building"
build_packages
step "lintian"
check_with_lintian
check_files
check_filter_version
! compgen -G "$abs_top_srcdir/debian/*lintian-overrides" >/dev/null

step "booting"
machine_make libnbd-bin procps
cp "$tmp"/packages/*.deb "$machine_root/root"
machine_boot
start_nginx
head -c $size /dev/urandom >"$www/image"
image=$www/image

step "apt install ./nbdkit-tiercache_*.deb"
install_packages nbdkit-tiercache
check_units

step "bad configurations"
check_bad_configurations

step "systemctl enable --now tiercache@debian"
configure debian "# The image" "" "url=$nginx/image" "  cache-size=64M  " \
  "header=X-Spaces: 'one two'  three" "user=reader" "password=a secret"
machine chmod 600 /etc/tiercache/debian.conf
machine systemctl enable --now tiercache@debian 2>"$tmp/start.log"
serves_image
check_who_may_connect
machine ps -eo args >"$tmp/ps"
! grep -q secret "$tmp/ps" || fail "the password is in the list of processes"
wait_for 60 all_is_cached || fail "it is not cached"
check_ctl
stop_nginx

step "restart and crash"
check_restarts

step "upgrade"
before=$(property debian MainPID)
install_packages --reinstall nbdkit-tiercache
[ "$(property debian MainPID)" -eq "$before" ] ||
  fail "an upgrade interrupts the service"
serves_image

step "from one package to three"
install_packages "${parts[@]}"
machine_apt purge nbdkit-tiercache
machine systemctl start tiercache@debian
serves_image
machine nbdkit -U - --filter=tiercache memory 1M tiercache-dir=/tmp/filter \
  --run 'nbdinfo --size "$uri"' >"$tmp/filter.size"
[ "$(<"$tmp/filter.size")" -eq $((1 << 20)) ]

step "remove"
machine_apt remove tiercache-tools nbdkit-plugin-tiercache
machine ps -eo args >"$tmp/ps"
! grep -q '^nbdkit' "$tmp/ps" || fail "the service outlives its package"
machine test -s /var/cache/tiercache/debian/index
machine test -s /etc/tiercache/debian.conf
machine test ! -e /run/tiercache

step "purge"
machine_apt purge "${parts[@]}"
machine find / -xdev -name '*tiercache*' ! -path '/root/*' \
  ! -path '/var/cache/apt/*' >"$tmp/left"
[ ! -s "$tmp/left" ] || fail "left behind: $(<"$tmp/left")"

machine_stop
step "done"
