#!/usr/bin/env bash
# The filter's parameters: what can't be is refused with a reason, the rest
# goes to the plugin; each is in the manual page, with its default.

. "${abs_top_srcdir:-.}/tests/functions.sh"

# refuses PATTERN PARAMETER...
refuses ()
{
  local pattern=$1 status=0
  shift
  timeout -k 5 60 "${nbdkit_command[@]}" -U - --filter="$filter" \
    memory 1M "$@" --run true >"$tmp/refused.log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 1 ] || fail "$*: status $status where 1 was expected"
  grep -qE -- "$pattern" "$tmp/refused.log" ||
    fail "$*: its message does not match '$pattern'"
}

dir=tiercache-dir=$tmp/cache
refuses 'tiercache-dir: .*must be given, unless tiercache-id'
refuses 'tiercache-dir=: expected a path' tiercache-dir=
refuses 'tiercache-id: must not be empty' "$dir" tiercache-id=
refuses 'tiercache-size=lots: not a size' "$dir" tiercache-size=lots
refuses 'tiercache-block-size=5000: must be a power of two' "$dir" \
  tiercache-block-size=5000
refuses 'tiercache-compress=zip: expected lz4 or none' "$dir" \
  tiercache-compress=zip
refuses 'tiercache-policy=fifo: expected weighted or lru' "$dir" \
  tiercache-policy=fifo
refuses 'tiercache-readahead=-1: not a size' "$dir" tiercache-readahead=-1
refuses "unknown parameter 'tiercache-nonsense'" "$dir" tiercache-nonsense=1
refuses 'nonsense' "$dir" nonsense=1

# Two processes, one directory.
start_nbdkit owner --filter="$filter" memory 1M "$dir" tiercache-size=64M
refuses "${server_pid[owner]}" "$dir" tiercache-size=64M
stop_nbdkit owner

# The default directory of an id.
start_nbdkit default --filter="$filter" memory 1M tiercache-id=debian \
  tiercache-size=64M
[ "$(find "$XDG_CACHE_HOME/tiercache" -name index | wc -l)" -eq 1 ] ||
  fail "the cache is not in its default directory"
stop_nbdkit default

page=$abs_top_srcdir/docs/nbdkit-tiercache-filter.pod
nbdkit --filter="$filter" memory --help | grep -oE 'tiercache-[a-z-]+=' |
  sort -u >"$tmp/taken"
sed -n '/^=head1 PARAMETERS/,/^=head1 [^P]/p' "$page" |
  grep -oE '^=item B<tiercache-[a-z-]+=' | grep -oE 'tiercache-[a-z-]+=' |
  sort -u >"$tmp/documented"
[ "$(wc -l <"$tmp/taken")" -eq 7 ] || fail "not seven parameters in --help"
diff "$tmp/taken" "$tmp/documented" ||
  fail "parameters of --help (<) and of the manual page (>) differ"
