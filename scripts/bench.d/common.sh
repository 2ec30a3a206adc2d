# What both parts of the bench share: the image, servers, clients, results.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used in the other parts, or set there

work=${TIERCACHE_BENCH_DIR:-/var/tmp/tiercache-bench}
mkdir -p "$work"
image=$work/usr.img
image_size=$((2 << 30))
tmp=$(mktemp -d "$work/run.XXXXXX")
chmod 755 "$tmp"
# Nothing may come from, or be left in, the user's own directories.
export HOME=$tmp XDG_CACHE_HOME=$tmp/xdg-cache
results=

declare -A pid_of=()
mounts=()

die ()
{
  echo "bench: $*" >&2
  exit 1
}

requires ()
{
  local program

  for program; do
    command -v "$program" >/dev/null ||
      die "$program is missing (scripts/deps bench)"
  done
}

# ---------------------------------------------------------------- the end

finish ()
{
  local status=$? name mount

  trap '' INT TERM HUP
  trap - EXIT
  set +e
  for mount in "${mounts[@]}"; do
    fusermount3 -uz "$mount" 2>/dev/null
  done
  for name in "${!pid_of[@]}"; do
    stop "$name"
  done
  if [ "$status" -ne 0 ]; then
    tail -n 5 "$tmp"/*.log >&2
  fi
  rm -rf --one-file-system "$tmp"
  exit "$status"
}
trap finish EXIT
trap 'exit 143' INT TERM HUP

# wait_for SECONDS COMMAND ARG...: until it succeeds.
wait_for ()
{
  local tries=$(($1 * 50))

  shift
  until "$@" 2>/dev/null; do
    [ $((tries--)) -gt 0 ] || return 1
    sleep 0.02
  done
}

# ---------------------------------------------------------------- servers

# start NAME COMMAND ARG...: in the background, its output in NAME.log.
start ()
{
  local name=$1

  shift
  "$@" >>"$tmp/$name.log" 2>&1 </dev/null &
  pid_of[$name]=$!
}

has_ended ()
{
  ! kill -0 "$1"
}

# stop NAME: by its process id; returns when it has ended.
stop ()
{
  local pid=${pid_of[$1]:-}

  [ -n "$pid" ] || return 0
  unset "pid_of[$1]"
  kill "$pid" 2>/dev/null || true
  wait_for 20 has_ended "$pid" || kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

uri ()
{
  echo "nbd+unix:///?socket=$tmp/$1.sock"
}

# serve NAME ARG...: nbdkit with 64 threads; its export is "$(uri NAME)".
serve ()
{
  local name=$1

  shift
  rm -f "$tmp/$name.sock"
  start "$name" nbdkit -f -r -t 64 -U "$tmp/$name.sock" "$@"
  wait_for 20 test -S "$tmp/$name.sock" || die "nbdkit $* does not start"
}

# serve_ours NAME PARAMETER...: with the cache in $tmp/NAME.cache.
serve_ours ()
{
  local name=$1

  shift
  mkdir -p "$tmp/$name.cache"
  serve "$name" "$plugin" cache-dir="$tmp/$name.cache" "$@"
}

# wipe NAME: stops it and throws its cache away.
wipe ()
{
  stop "$1"
  rm -rf --one-file-system "$tmp/$1.cache"
}

free_port ()
{
  python3 -c 'import socket
s = socket.socket ()
s.bind (("127.0.0.1", 0))
print (s.getsockname ()[1])'
}

# ---------------------------------------------------------------- clients

# read_fio NAME ARG...: fio reads NAME's export, given its arguments; prints
# bytes a second, operations a second, and the 99th percentile in us.
fio_command=()                  # that runs fio
read_fio ()
{
  local name=$1 json

  shift
  json=$(mktemp "$tmp/fio.XXXXXX")
  "${fio_command[@]}" fio --name=bench --ioengine=nbd --uri="$(uri "$name")" --thread \
      --group_reporting --randseed=1 --norandommap \
      --output-format=json --output="$json" "$@" >>"$tmp/fio.log" 2>&1 ||
    die "fio $* on $name failed"
  python3 "$lib/fio.py" "$json"
  rm -f "$json"
}

# The same, for one of the three numbers.
bandwidth () { read_fio "$@" | cut -d ' ' -f 1; }
iops () { read_fio "$@" | cut -d ' ' -f 2; }
p99 () { read_fio "$@" | cut -d ' ' -f 3; }

seconds=${TIERCACHE_BENCH_SECONDS:-4}

# Arguments of read_fio.
sequential=(--rw=read --bs=256k --iodepth=8)
random=(--rw=randread --bs=4k --iodepth=32 --time_based --runtime="$seconds")
whole=(--size="$image_size")
timed=(--time_based --runtime="$seconds")

# Files leave the page cache, clean or not.
drop ()
{
  python3 "$lib/drop.py" "$@"
}

# ---------------------------------------------------------------- results

# result ROW SIDE VALUE: one round's.
result ()
{
  # What failed in a command substitution did not end the script.
  [ -n "$3" ] || die "nothing was measured: $1 of $2"
  printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$results"
  printf '  %-28s %-10s %s\n' "$1" "$2" "$3" >&2
}

table ()
{
  {
    echo "Conditions: $(conditions "$1")"
    echo
    python3 "$lib/table.py" "$1" <"$results"
  }
}

conditions ()
{
  local what

  what="nbdkit $(nbdkit --version | cut -d ' ' -f 2) -t 64"
  [[ $1 != @(http|replay) ]] ||
    what+=", nginx at 20 ms a request, $(nginx -v 2>&1 | cut -d / -f 2)"
  [ "$1" != nbd ] || what+=", an NBD server at 20 ms a request"
  echo "$(date -u +%Y-%m-%d), $(git -C "$top" rev-parse --short HEAD)," \
       "$(nproc) cores ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo |
                          head -n 1)), Linux $(uname -r)," \
       "$(findmnt -n -o FSTYPE -T "$work"), load before" \
       "$load_before, $what, $(data_of "$1")," \
       "$rounds rounds: median (range)."
}

data_of ()
{
  case $1 in
    filter) echo "4 MiB of random bytes" ;;
    policy) echo "no data" ;;
    replay) echo "$boot_files files of 72 KiB in a shuffled order, no KVM" ;;
    *) echo "a 2 GiB ext4 image of /usr" ;;
  esac
}
load_before=$(cut -d ' ' -f 1 /proc/loadavg)

# table_put PART FILE: between <!-- PART --> and <!-- end -->.
table_put ()
{
  local document

  for document in docs/bench.md README.md; do
    [ -e "$top/$document" ] || continue
    python3 "$lib/table.py" --put "$1" "$2" "$top/$document"
  done
}

# ---------------------------------------------------------------- the image

# 1.8 GiB of files of /usr, always the same ones, in an ext4 image.
image_make ()
{
  local list=$tmp/files

  [ ! -e "$image.done" ] || return 0
  echo "making $image" >&2
  find /usr -xdev -type f -size -64M -printf '%s\t%P\0' | sort -z |
    python3 "$lib/sample.py" $((1800 << 20)) >"$list"
  mkdir "$tmp/stage"
  tar -C /usr --null -T "$list" -cf - | tar -C "$tmp/stage" -xf -
  truncate -s 0 "$image"
  truncate -s "$image_size" "$image"
  mke2fs -q -F -t ext4 -d "$tmp/stage" "$image"
  rm -rf "$tmp/stage"
  chmod 644 "$image"
  sync "$image"
  : >"$image.done"
}
