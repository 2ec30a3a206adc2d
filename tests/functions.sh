# What the shell tests share.  A test begins with
#
#   . "${abs_top_srcdir:-.}/tests/functions.sh"
#
# and then has a temporary directory $tmp (current directory stays what it
# was), servers that are stopped whatever happens, and helpers that fail with
# a sentence.  A test passes when it reaches its end, and at its end every
# server it started must have ended cleanly.
# shellcheck shell=bash

set -e -E -u -o pipefail
trap 'echo "FAILED: ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR
export LC_ALL=C
# The system's programs come first: its Python is the one that knows libnbd.
export PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH

abs_top_srcdir=${abs_top_srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
if [ -z "${abs_top_builddir:-}" ]; then
  if [ -f config.status ]; then
    abs_top_builddir=$PWD
  else
    abs_top_builddir=$abs_top_srcdir/build
  fi
fi
# The plugin, filter and tool under test.
plugin=${TIERCACHE_PLUGIN:-$abs_top_builddir/plugin/.libs/nbdkit-tiercache-plugin.so}
# shellcheck disable=SC2034  # for the tests
filter=${TIERCACHE_FILTER:-$abs_top_builddir/filter/.libs/nbdkit-tiercache-filter.so}
# shellcheck disable=SC2034  # for the tests
ctl=${TIERCACHE_CTL:-$abs_top_builddir/tools/ctl/tiercache-ctl}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/tc.XXXXXX")
chmod 755 "$tmp"
# Nothing may come from, or be left in, the user's own directories.
export HOME=$tmp XDG_CACHE_HOME=$tmp/xdg-cache

# ---------------------------------------------------------------- the end

cleanups=()
declare -A server_pid=()

# cleanup_fn COMMAND ARG...: runs it when the test ends, last one first.
cleanup_fn ()
{
  cleanups+=("$(printf '%q ' "$@")")
}

finish ()
{
  local status=$? i name

  trap '' INT TERM HUP
  trap - EXIT ERR
  set +e
  for name in "${!server_pid[@]}"; do
    kill -KILL "${server_pid[$name]}"
    wait "${server_pid[$name]}"
  done 2>/dev/null
  # Clients and whatever else still runs.
  # shellcheck disable=SC2046  # one word each
  kill $(jobs -p) 2>/dev/null
  for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
    eval "${cleanups[i]}"
  done
  if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
    show_logs
  fi
  check_sanitizer_logs || status=1
  rm -rf --one-file-system "$tmp"
  exit "$status"
}
trap finish EXIT
trap 'exit 143' INT TERM HUP

show_logs ()
{
  local log

  for log in "$tmp"/*.log; do
    [ -s "$log" ] || continue
    echo "--- the end of ${log##*/}:"
    tail -n 40 "$log" | cut -c 1-400
  done
}

# A report of a sanitizer is a failure, wherever it was seen.
check_sanitizer_logs ()
{
  local found
  found=$(grep -lE 'ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:' \
            "$tmp"/*.log 2>/dev/null) || return 0
  for log in $found; do
    echo "sanitizer report in ${log##*/}:"
    grep -aE -A 40 'Sanitizer|runtime error:' "$log" | head -n 80
  done
  return 1
}

fail ()
{
  echo "FAILED: $*" >&2
  exit 1
}

# requires COMMAND ARG...: the test cannot run unless this succeeds.  Where
# the tests have to run (CI, scripts/check) that is a failure.
requires ()
{
  if ! "$@" >/dev/null 2>&1 </dev/null; then
    if [ -n "${CI:-}${TIERCACHE_CHECK:-}" ]; then
      fail "this test requires: $*"
    fi
    echo "SKIPPED: this test requires: $*"
    exit 77
  fi
}

requires_root ()
{
  requires test "$(id -u)" -eq 0
}

# Once under a sanitizer is enough for what a test repeats only to be surer.
sanitized ()
{
  [ -n "${TIERCACHE_PRELOAD:-}" ]
}

# ---------------------------------------------------------------- waiting

# wait_for SECONDS COMMAND ARG...: until it succeeds; false if it never does.
wait_for ()
{
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.02
  done
}

ended ()
{
  ! kill -0 "$1" 2>/dev/null
}

now_ms ()
{
  echo $(($(date +%s%N) / 1000000))
}

# ---------------------------------------------------------------- servers

# nbdkit itself, with what a sanitized plugin needs loaded first.
nbdkit_command=(nbdkit)
if sanitized; then
  nbdkit_command=(env "LD_PRELOAD=$TIERCACHE_PRELOAD" nbdkit)
fi

# start_nbdkit NAME ARG...: nbdkit ARG... on a Unix socket of its own.  Its
# messages go to $tmp/NAME.log.  Ends the test if it does not come up.
start_nbdkit ()
{
  local name=$1
  shift
  start_nbdkit_on "$name" -U "$tmp/$name.sock" "$@"
}

# start_nbdkit_tcp NAME PORT ARG...: the same on a port of the loopback.
start_nbdkit_tcp ()
{
  local name=$1 port=$2
  shift 2
  start_nbdkit_on "$name" -i 127.0.0.1 -p "$port" "$@"
}

start_nbdkit_on ()
{
  local name=$1
  shift
  rm -f "$tmp/$name.pid" "$tmp/$name.sock"
  "${nbdkit_command[@]}" -f --exit-with-parent -t 64 -P "$tmp/$name.pid" \
    "$@" >>"$tmp/$name.log" 2>&1 </dev/null &
  server_pid[$name]=$!
  wait_for 60 server_is_up "$name" || fail "nbdkit $name did not come up"
  if ended "${server_pid[$name]}"; then
    fail "nbdkit $name ended while starting"
  fi
}

server_is_up ()
{
  [ -s "$tmp/$1.pid" ] || ended "${server_pid[$1]}"
}

# start_tiercache NAME PARAMETER...: the plugin under test.
start_tiercache ()
{
  local name=$1
  shift
  start_nbdkit "$name" "$plugin" "$@"
}

# uri NAME: where it listens, as an NBD URI.
uri ()
{
  echo "nbd+unix:///?socket=$tmp/$1.sock"
}

# stop_nbdkit NAME: by SIGTERM; it must end, and end cleanly.
stop_nbdkit ()
{
  kill -TERM "${server_pid[$1]}" 2>/dev/null || true
  ended_cleanly "$1"
}

# ended_cleanly NAME: a server that was told to end does, with status 0.
ended_cleanly ()
{
  local name=$1 pid=${server_pid[$1]} status=0

  wait_for 60 ended "$pid" || fail "nbdkit $name does not end"
  wait "$pid" || status=$?
  unset "server_pid[$name]"
  [ "$status" -eq 0 ] || fail "nbdkit $name ended with status $status"
}

# kill_nbdkit NAME: by SIGKILL, in the middle of whatever it does.
kill_nbdkit ()
{
  local pid=${server_pid[$1]}
  kill -KILL "$pid" || fail "nbdkit $1 was gone before it was killed"
  wait "$pid" 2>/dev/null || true
  unset "server_pid[$1]"
}

# refused PATTERN PARAMETER...: with these parameters the plugin must say
# something that matches the extended regular expression and end with
# status 1, or let nobody open the export.
refused ()
{
  local pattern=$1 status=0
  shift
  rm -f "$tmp/refused.pid" "$tmp/refused.sock" "$tmp/refused.log"
  "${nbdkit_command[@]}" -f --exit-with-parent -t 64 -P "$tmp/refused.pid" \
      -U "$tmp/refused.sock" "$plugin" "$@" >"$tmp/refused.log" 2>&1 \
      </dev/null &
  server_pid[refused]=$!
  wait_for 60 server_is_up refused || fail "nbdkit refused did not come up"
  if [ -s "$tmp/refused.pid" ]; then
    timeout -k 5 60 nbdinfo --size "$(uri refused)" >>"$tmp/refused.log" \
      2>&1 || status=$?
    stop_nbdkit refused
  else
    wait "${server_pid[refused]}" || status=$?
    unset "server_pid[refused]"
  fi
  [ "$status" -eq 1 ] ||
    fail "nbdkit tiercache $*: status $status where 1 was expected"
  grep -qE -- "$pattern" "$tmp/refused.log" ||
    fail "nbdkit tiercache $*: its message does not match '$pattern'"
}

# as_nobody COMMAND ARG...: without root's powers.
as_nobody ()
{
  setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# ---------------------------------------------------------------- data

# make_image FILE SIZE [SEED]: a reproducible mix of what does not compress,
# what does, and holes, in runs of 4 KiB to 512 KiB.
make_image ()
{
  python3 - "$1" "$2" "${3:-1}" <<'PYTHON'
import random, sys
path, size, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
units = {"K": 10, "M": 20, "G": 30}
size = int(size[:-1]) << units[size[-1]] if size[-1] in units else int(size)
r = random.Random(seed)
words = [r.randbytes(r.randint(2, 9)) for _ in range(300)]
with open(path, "wb") as f:
    f.truncate(size)
    at = 0
    while at < size:
        n = min(4096 << r.randint(0, 7), size - at)
        kind = r.randint(0, 3)
        f.seek(at)
        if kind <= 1:
            f.write(r.randbytes(n))
        elif kind == 2:
            f.write(b"".join(r.choices(words, k=n // 2))[:n])
        at += n
PYTHON
}

# make_ext4 FILE SIZE DIRECTORY: an ext4 image of the directory's files.
make_ext4 ()
{
  truncate -s "$2" "$1"
  mke2fs -q -F -t ext4 -d "$3" "$1"
}

# make_tree DIRECTORY: some hundred files of all sizes, in directories, with
# names that are not plain, and links.
make_tree ()
{
  python3 - "$1" <<'PYTHON'
import os, random, sys
r = random.Random(11)
for i in range(400):
    d = os.path.join(sys.argv[1], "d%d" % (i % 7), "e %d" % (i % 3))
    os.makedirs(d, exist_ok=True)
    n = r.choice([0, 1, 100, 4096, 5000, 30000, 100000, 400000])
    data = r.randbytes(n) if i % 2 else (b"line %d\n" % i) * (n // 9)
    with open(os.path.join(d, "f%d \u00e9" % i), "wb") as f:
        f.write(data)
    if i % 20 == 0:
        os.symlink("f%d" % i, os.path.join(d, "l%d" % i))
PYTHON
}

# tree_sum DIRECTORY: one checksum of all names and contents, that busybox
# comes to, too.
tree_sum ()
{
  (cd "$1" && find . -type f ! -path './lost+found*' -print0 | sort -z |
     xargs -0 sha256sum | sha256sum)
}

# file_system TYPE SIZE: a new file system of its own, mounted on $tmp/TYPE,
# unmounted when the test ends.
file_system ()
{
  local type=$1 size=$2 mnt=$tmp/$1

  truncate -s "$size" "$tmp/$type.fs"
  case $type in
    ext4) mke2fs -q -F -t ext4 "$tmp/$type.fs" ;;
    xfs) mkfs.xfs -q -f "$tmp/$type.fs" ;;
    btrfs) mkfs.btrfs -q -f "$tmp/$type.fs" ;;
    *) fail "file_system: $type is unknown" ;;
  esac
  mkdir "$mnt"
  mount -o loop "$tmp/$type.fs" "$mnt"
  cleanup_fn unmount "$mnt"
}

unmount ()
{
  if mountpoint -q "$1"; then
    umount "$1" 2>/dev/null || umount -l "$1"
  fi
}

# nbd_script URI ARG... <<SCRIPT: Python with "h" connected to the URI, as in
# nbdsh, which takes no arguments for its scripts.
nbd_script ()
{
  local script
  script=$(cat)
  python3 -c "import nbd, sys
h = nbd.NBD()
h.connect_uri(sys.argv.pop(1))
$script" "$@"
}

# same_bytes NAME FILE: the export is the file, byte for byte.
same_bytes ()
{
  nbdcopy "$(uri "$1")" - | cmp - "$2" || fail "export $1 differs from $2"
}

# spoil_image FILE: other bytes under the same size, inode and time, but for
# its holes, which nobody reads.  What is right afterwards came from the cache;
# what is wrong came from the file.
spoil_image ()
{
  local times=$tmp/times

  touch -r "$1" "$times"
  python3 - "$1" <<'PYTHON'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
size = os.fstat(fd).st_size
at = 0
while at < size:
    try:
        at = os.lseek(fd, at, os.SEEK_DATA)
    except OSError:
        break
    end = os.lseek(fd, at, os.SEEK_HOLE)
    for page in range(at, end, 4096):
        os.pwrite(fd, b"spoilt!!"[:end - page], page)
    at = end
PYTHON
  touch -r "$times" "$1"
}

# value JSON-FILE FILTER: one value by jq.
value ()
{
  jq -er "$2" "$1"
}
