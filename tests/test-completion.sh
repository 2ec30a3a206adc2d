#!/usr/bin/env bash
# What bash completes: commands and options of the programs, and, with
# nbdkit's own completion, the plugin's parameters.

. "${abs_top_srcdir:-.}/tests/functions.sh"

PATH=$abs_top_builddir/tools/ctl:$abs_top_builddir/tools/sim:$PATH
# shellcheck source=packaging/tiercache.bash
. "$abs_top_srcdir/packaging/tiercache.bash"

# It can be called only while bash completes.
compopt ()
{
  options="$*"
}

# completes WORD... : COMPREPLY for a command line whose last word is being
# typed, as one line; options is what it asked of bash.
completes ()
{
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) options=
  _tiercache
  echo "${COMPREPLY[*]}"
}

# is EXPECTED WORD...
is ()
{
  local expected=$1 got
  shift
  got=$(completes "$@")
  [ "$got" = "$expected" ] || fail "'$*' completes to '$got', not '$expected'"
}

is stat tiercache-ctl sta
is --json tiercache-ctl --j
is --json tiercache-ctl stat --j
is '' tiercache-ctl stat sta
is '' tiercache-sim tra
is '--cache-size= --curve' tiercache-sim --c
is --version tiercache-sim --vers

# Every command in the manual.
commands=$(sed -n '/^=head1 SYNOPSIS/,/^=head1 DESCRIPTION/ {
                     s/\[[^]]*\] *//g
                     s/^ tiercache-ctl \([a-z][a-z]*\) .*/\1/p
                   }' "$abs_top_srcdir/docs/tiercache-ctl.pod" | sort -u)
[ -n "$commands" ]
# shellcheck disable=SC2086  # one word each
is "$(echo $commands)" tiercache-ctl ''

completes tiercache-sim --cache >/dev/null
[ "$options" = '-o nospace' ] || fail "a space comes after --cache-size="
completes tiercache-sim --cur >/dev/null
[ -z "$options" ] || fail "no space comes after --curve"

# nbdkit's completion reads the parameters from the help text, like this.
nbdkit "$plugin" --help 2>/dev/null | grep -E '^[-a-z0-9]+=' |
  sed 's/=.*/=/' >"$tmp/parameters"
for parameter in export cache-dir cache-size cache-key offline password; do
  grep -qx "$parameter=" "$tmp/parameters" ||
    fail "nbdkit's completion does not find $parameter"
done
