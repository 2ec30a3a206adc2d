# What the tests of tiercache-ctl share; after functions.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # set there

# ctl ARG...: tiercache-ctl, which must succeed.
ctl ()
{
  "$ctl" "$@" 2>"$tmp/ctl.log" || fail "tiercache-ctl $*: status $?"
}

# ctl_fails STATUS PATTERN ARG...: it must not, and say what matches.
ctl_fails ()
{
  local expected=$1 pattern=$2 status=0
  shift 2
  "$ctl" "$@" >"$tmp/ctl-fails.log" 2>&1 || status=$?
  [ "$status" -eq "$expected" ] ||
    fail "tiercache-ctl $*: status $status where $expected was expected"
  grep -qE -- "$pattern" "$tmp/ctl-fails.log" ||
    fail "tiercache-ctl $*: its message does not match '$pattern'"
}

# listed DIR JQ-FILTER: of the objects of "list --json", as an array.
listed ()
{
  ctl list --json "$1" >"$tmp/list.json"
  jq -rs "$2" "$tmp/list.json"
}

# expect_listed VALUE DIR JQ-FILTER: what the filter says is the value.
expect_listed ()
{
  local got
  got=$(listed "$2" "$3")
  [ "$got" = "$1" ] || fail "list $2: $3 is $got where $1 was expected"
}

# flip_byte FILE OFFSET
flip_byte ()
{
  python3 - "$1" "$2" <<'PYTHON'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
at = int(sys.argv[2])
byte = os.pread(fd, 1, at)
os.pwrite(fd, bytes([byte[0] ^ 16]), at)
PYTHON
}

# listens DIR: a server does there.
listens ()
{
  test -S "$1/control"
}
