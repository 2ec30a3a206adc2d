#!/usr/bin/env bash
# No wait without an end: stalled and dripping replies, servers that say
# nothing, that are not there.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave srv
fail_blocks=1
short=(fetch-timeout=500ms fetch-retries=1)

# Two tries of half a second and a backoff; the limit is only to tell a wait
# with an end from one without, on any machine.
within_bounds ()
{
  local before=$SECONDS
  "$@"
  [ $((SECONDS - before)) -le 30 ] || fail "took $((SECONDS - before)) s: $*"
}

for path in silent stall-head drip-head; do
  within_bounds refused "http://127.0.0.1" "$(bad srv $path)" "${short[@]}"
done
for path in silent stall stall-head drip drip-head; do
  within_bounds fails_reading "http://127.0.0.1" "$(bad srv later/$path)" \
                "${short[@]}"
done

read -r port < <(free_ports 1)
within_bounds refused "http://127.0.0.1:$port/image" \
              "http://127.0.0.1:$port/image" "${short[@]}"
within_bounds refused "http://nowhere.invalid/image" \
              http://nowhere.invalid/image "${short[@]}"
