# The policy part: hits and memory of lib/policy alone, without a device.
# shellcheck shell=bash
# shellcheck disable=SC2154  # set in the other parts

bench_policy ()
{
  local round name side value

  requires make
  make -s -C "$build" tests/bench/bench-policy >&2
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    "$build/tests/bench/bench-policy" >"$tmp/policy"
    while read -r name side value; do
      result "$name" "$side" "$value"
    done <"$tmp/policy"
  done
}
