#!/usr/bin/env bash
# tiercache-ctl stat prints what a cache directory holds, while it is in use
# and after, for people and for programs.

. "${abs_top_srcdir:-.}/tests/functions.sh"

make_image "$tmp/image" 8M
start_tiercache server "$tmp/image" cache-dir="$tmp/cache" cache-size=64M \
  readahead=0
nbdsh -u "$(uri server)" -c '
for i in range (32):
    h.pread (65536, i * 65536)
'
pid=${server_pid[server]}
"$ctl" stat "$tmp/cache" >"$tmp/live"
grep -q "$pid" "$tmp/live" || fail "in use: the owner's pid is not told"
stop_nbdkit server

"$ctl" stat "$tmp/cache" >"$tmp/text"
cat "$tmp/text"
grep -q "$tmp/image" "$tmp/text" || fail "the object is not named"

"$ctl" stat --json "$tmp/cache" >"$tmp/json"
jq -e --arg image "$tmp/image" '
  .budget == 67108864 and .block_size == 65536 and .blocks == 32 and
  .owner_pid == 0 and .used_bytes <= .budget and
  (.objects | length) == 1 and
  (.objects[0] | (.identity | endswith ($image)) and .size == 8388608 and
   .blocks == 32 and .stored_bytes > 0 and .validated > 1600000000)
' "$tmp/json" >/dev/null || {
  cat "$tmp/json"
  fail "the JSON says something else"
}
used=$(du -s --block-size=1 "$tmp/cache" | cut -f 1)
told=$(value "$tmp/json" .used_bytes)
[ $((used > told ? used - told : told - used)) -le 65536 ] ||
  fail "du says $used bytes, stat $told"

# What is no cache is an error that names it; a wrong command line is another.
mkdir "$tmp/empty"
for dir in "$tmp/nothere" "$tmp/empty" "$tmp/image"; do
  status=0
  "$ctl" stat "$dir" >"$tmp/bad.log" 2>&1 || status=$?
  [ $status -eq 1 ] || fail "$dir: status $status"
  grep -q "$dir" "$tmp/bad.log" || fail "$dir: not named"
done
for line in "" "stat" "stat $tmp/cache more" "frobnicate" "stat --yaml x"; do
  status=0
  # shellcheck disable=SC2086  # several words are meant
  "$ctl" $line >"$tmp/usage.log" 2>&1 || status=$?
  [ $status -eq 1 ] || fail "tiercache-ctl $line: status $status"
  [ -s "$tmp/usage.log" ] || fail "tiercache-ctl $line: no word of it"
done
