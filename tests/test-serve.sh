#!/usr/bin/env bash
# What tiercache@.service runs, without systemd: a configuration file becomes
# nbdkit's parameters, or an error that names the line.

. "${abs_top_srcdir:-.}/tests/functions.sh"

serve=$abs_top_builddir/packaging/serve
mkdir "$tmp/bin" "$tmp/run" "$tmp/credentials"
export RUNTIME_DIRECTORY=$tmp/run CACHE_DIRECTORY=$tmp/cache \
  CREDENTIALS_DIRECTORY=$tmp/credentials

# Instead of nbdkit: each argument on a line.
cat >"$tmp/bin/nbdkit" <<'SCRIPT'
#!/bin/sh
printf '%s\n' "$@"
SCRIPT
chmod 755 "$tmp/bin/nbdkit"
PATH=$tmp/bin:$PATH

# parameters: what nbdkit is given after the plugin for the configuration on
# the standard input.
parameters ()
{
  cat >"$tmp/credentials/parameters"
  "$serve" debian >"$tmp/arguments"
  sed '1,/nbdkit-tiercache-plugin.so$/d' "$tmp/arguments"
}

# gives EXPECTED CONFIGURATION
gives ()
{
  local got
  got=$(printf "%b" "$2" | parameters)
  [ "$got" = "$(printf "%b" "$1")" ] || fail "'$2' gives '$got'"
}

# error_is PATTERN CONFIGURATION
error_is ()
{
  local status=0
  printf "%b" "$2" >"$tmp/credentials/parameters"
  "$serve" debian >"$tmp/arguments" 2>"$tmp/error" || status=$?
  [ "$status" -eq 1 ] || fail "'$2': status $status"
  grep -qE "^/.*/tiercache/debian.conf$1" "$tmp/error" ||
    fail "'$2': its error is '$(<"$tmp/error")'"
}

dir=cache-dir=$tmp/cache
gives "$dir\nurl=/a" 'url=/a\n'
gives "$dir\nurl=/a" 'url=/a'
gives "$dir\nurl=/a\noffline=fail" '\n# x\n \t url=/a \t\n\n  #\noffline=fail\r\n'
gives "$dir\nheader=X: 'a  \"b\" \$HOME \`id\` * \\\\\\\\'" \
  "header=X: 'a  \"b\" \$HOME \`id\` * \\\\\\\\'\n"
gives "$dir\nexport=a=/x y\nexport=b=http://z/?q=1&r" \
  'export=a=/x y\nexport=b=http://z/?q=1&r\n'
gives "cache-dir=$tmp/other/cache\nurl=/a" \
  "cache-dir=$tmp/other/cache\nurl=/a\n"
gives "$dir\nurl=/a\npassword=+/etc/secret" 'url=/a\npassword=+/etc/secret\n'
grep -qx -- -t "$tmp/arguments" && grep -qx 64 "$tmp/arguments"

# Whoever has the cache open is waited for.
cat >"$tmp/bin/tiercache-ctl" <<SCRIPT
#!/bin/sh
echo "\$*" >>$tmp/asked
[ "\$(wc -l <$tmp/asked)" -gt 2 ] || echo "  in use by process 7"
SCRIPT
chmod 755 "$tmp/bin/tiercache-ctl"
printf 'url=/a\n' | parameters >"$tmp/got"
[ "$(<"$tmp/got")" = "$dir"$'\n'url=/a ] || fail "waiting gives $(<"$tmp/got")"
[ "$(grep -cx "stat $tmp/cache" "$tmp/asked")" -eq 3 ] ||
  fail "asked: $(<"$tmp/asked")"

# A password is in a file, and nowhere else.
gives "$dir\nurl=/a\npassword=+$tmp/run/password" 'url=/a\npassword=a b $c\n'
[ "$(<"$tmp/run/password")" = 'a b $c' ]

error_is ': nothing to serve' ''
error_is ': nothing to serve' '# url=/a\n'
error_is ', line 2: expected' 'url=/a\n/b\n'
error_is ', line 1: expected' 'url = /a\n'
error_is ', line 1: expected' '-D=x\n'
error_is ', line 1: expected' '=/a\n'
error_is ', line 3: expected' 'url=/a\n\nURL=/b\n'
error_is ', line 1: url: there is no value' 'url=\n'
error_is ', line 1: url: write the value without quotes' "url='/a'\n"
error_is ', line 2: password: write' 'url=/a\npassword="secret"\n'
! grep -q secret "$tmp/error" || fail "a password is shown"
touch "$tmp/file"
error_is ", line 1: cache-dir: the service can.t write to $tmp/file/c" \
  "cache-dir=$tmp/file/c\nurl=/a\n"

# --wait ends when the process has written its id, or is gone.
sleep 60 &
pid=$!
echo 1 >"$tmp/run/pid"
"$serve" --wait $pid &
waiting=$!
! ended $waiting
echo $pid >"$tmp/run/pid"
wait $waiting || fail "--wait does not see that the server is ready"
kill $pid
wait $pid || true
rm "$tmp/run/pid"
! "$serve" --wait $pid || fail "--wait does not see that the server has ended"
