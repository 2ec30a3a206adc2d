#!/usr/bin/env bash
# Where connections may see different bytes, they share no cache unless an id
# says that the bytes are the same.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

# Each connection's disk says how many came before it.
cat >"$tmp/script" <<EOT
#!/bin/bash
case \$1 in
  open) n=\$(cat "$tmp/count"); echo \$((n + 1)) >"$tmp/count"; echo "\$n" ;;
  get_size) echo 1M ;;
  pread) head -c "\$3" < <(yes "\$2") ;;
  *) exit 2 ;;
esac
EOT
chmod +x "$tmp/script"

first_bytes ()
{
  nbdsh -u "$(uri server)" -c 'print (h.pread (4, 0).decode ().strip ())'
}

cache=("tiercache-dir=$tmp/cache" tiercache-size=64M)
echo 10 >"$tmp/count"
start_nbdkit server --filter="$filter" sh "$tmp/script" "${cache[@]}"
a=$(first_bytes)
b=$(first_bytes)
[ "$a" != "$b" ] || fail "one connection was shown another's bytes"
nbdsh -u "$(uri server)" -c 'assert not h.can_multi_conn ()'
stop_nbdkit server

start_nbdkit server --filter="$filter" sh "$tmp/script" "${cache[@]}" \
  tiercache-id=same
a=$(first_bytes)
b=$(first_bytes)
[ "$a" = "$b" ] || fail "the id was not believed"
nbdsh -u "$(uri server)" -c 'assert h.can_multi_conn ()'
stop_nbdkit server
