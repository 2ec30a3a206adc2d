#!/usr/bin/env bash
# User, password and header= go to the server that was named and to no
# other, and are not repeated in messages.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave named
start_misbehave other
other_port=$(cat "$tmp/other/port")
echo "top-secret" >"$tmp/password"
basic=$(printf 'alice:top-secret' | base64)

works "$(bad named "redirect-to-port/$other_port/plain")" user=alice \
      password=+"$tmp/password" header="X-Token: top-secret-token"

[ "$(requests named "authorization: Basic $basic( |\$)")" -gt 0 ] ||
  fail "the named server did not get the password"
[ "$(requests named 'x-token: top-secret-token( |$)')" -gt 0 ] ||
  fail "the named server did not get the header"
[ "$(requests other)" -gt 0 ] || fail "the redirect was not followed"
[ "$(requests other -- 'authorization|x-token|top-secret|alice')" -eq 0 ] ||
  fail "the other server got a secret"

# The same server by redirect: it is the one that was named.
forget_requests named
works "$(bad named redirect/302/plain)" user=alice password=+"$tmp/password"
[ "$(requests named '/plain/image .*authorization: Basic')" -gt 0 ] ||
  fail "the named server did not get the password after a redirect"

# In two URLs where one is meant.
refused 'given already .*https://…@a/' "https://alice:top-secret@a/?s=top-secret" \
        url="https://bob:top-secret@b/?s=top-secret"
mv "$tmp/refused.log" "$tmp/two.log"

# In the URL.
forget_requests named
url=$(bad named status/404)
refused "there is no such object" "${url/:\/\//://alice:top-secret@}?sig=top-secret"
[ "$(requests named "authorization: Basic $basic( |\$)")" -eq 1 ] ||
  fail "user and password of the URL were not sent"
refused "forbidden" "$(bad named status/403)" user=alice \
        password=+"$tmp/password" header="X-Token: top-secret-token"

# refused.log is of the last run only; all others are whole.
for log in "$tmp"/*.log; do
  if grep -q top-secret "$log"; then fail "${log##*/} shows a secret"; fi
done
