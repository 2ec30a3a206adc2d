#!/usr/bin/env bash
# Over nbdkit's ssh plugin and a real sshd: what is read is what the file
# holds, and what has been read is kept: it is not read over ssh again.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires test -x /usr/sbin/sshd
requires nbdkit --dump-plugin ssh

make_image "$tmp/image" 5M
cp "$tmp/image" "$tmp/expected"

ssh-keygen -q -N '' -t ed25519 -f "$tmp/host_key"
ssh-keygen -q -N '' -t ed25519 -f "$tmp/user_key"
cp "$tmp/user_key.pub" "$tmp/authorized_keys"
cat >"$tmp/sshd_config" <<EOT
ListenAddress 127.0.0.1
HostKey $tmp/host_key
AuthorizedKeysFile $tmp/authorized_keys
AuthenticationMethods publickey
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
EOT

# As root, sshd insists on this directory, which its service would make.
if [ "$(id -u)" -eq 0 ] && mkdir -m 755 /run/sshd 2>/dev/null; then
  cleanup_fn rmdir /run/sshd
fi

sshd_is_up ()
{
  grep -q '^Server listening' "$tmp/sshd.log" || ended "$sshd_pid"
}

# The port may be taken: then another.
for port in $(shuf -i 20000-30000 -n 5); do
  /usr/sbin/sshd -f "$tmp/sshd_config" -D -e -p "$port" >"$tmp/sshd.log" \
    2>&1 </dev/null &
  sshd_pid=$!
  wait_for 60 sshd_is_up || fail "sshd did not come up"
  ! ended "$sshd_pid" || continue
  break
done
ended "$sshd_pid" && fail "sshd ended while starting"
echo "[127.0.0.1]:$port $(cat "$tmp/host_key.pub")" >"$tmp/known_hosts"

far=(ssh host=127.0.0.1 port="$port" path="$tmp/image" user="$(id -un)"
     identity="$tmp/user_key" known-hosts="$tmp/known_hosts")

# once NAME FILE: reads all of it, twice.
once ()
{
  start_nbdkit "$1" --filter="$filter" "${far[@]}" tiercache-size=64M \
    tiercache-dir="$tmp/cache" tiercache-id=ssh
  same_bytes "$1" "$2"
  same_bytes "$1" "$2"
  stop_nbdkit "$1"
}

start_nbdkit plain "${far[@]}"
same_bytes plain "$tmp/image"
stop_nbdkit plain
once cold "$tmp/image"

# Now it would be wrong to ask again.
spoil_image "$tmp/image"
! cmp -s "$tmp/image" "$tmp/expected" || fail "the file is not spoilt"
once warm "$tmp/expected"

# Stacked, and by qemu-img.
start_nbdkit stack --filter=cow --filter="$filter" --filter=retry \
  "${far[@]}" tiercache-size=64M tiercache-dir="$tmp/cache" tiercache-id=ssh
qemu-img convert -f raw -O raw "$(uri stack)" "$tmp/copy"
cmp "$tmp/copy" "$tmp/expected" || fail "qemu-img read something else"
stop_nbdkit stack

kill "$sshd_pid"
wait_for 60 ended "$sshd_pid" || fail "sshd does not end"
