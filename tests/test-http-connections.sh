#!/usr/bin/env bash
# Misses go to the server in parallel, and no more at once than connections=
# (a second request for one that is late comes on top).
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 8M
start_misbehave srv

most_at_once ()
{
  sed 's/^\[\([0-9]*\)\].*/\1/' "$tmp/srv/requests" | sort -n | tail -n 1
}

works "$(bad srv slow/50)" connections=4
most=$(most_at_once)
echo "connections=4: $most at once"
[ "$most" -ge 2 ] || fail "one after the other"
[ "$most" -le 8 ] || fail "$most requests at once"

works "$(bad srv http10/slow/20)" connections=1
