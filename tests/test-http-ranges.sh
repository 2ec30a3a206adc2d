#!/usr/bin/env bash
# Ranges are what is served from: a refused HEAD does not matter, a server
# without ranges is an error that says so, and a 200 is not a range.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave srv

works "$(bad srv head-refused)"

refused "does not support ranged requests" "$(bad srv no-ranges)"
fails_reading "does not support ranged requests" "$(bad srv later/no-ranges)"
fails_reading "ranged requests|its size is another" \
              "$(bad srv later/range-as-200)"

# Empty objects have nothing to serve.
start_nginx
: >"$www/empty"
refused "$nginx/empty.*empty" "$nginx/empty"
