#!/usr/bin/env bash
# Replies that are not what they should be: each an error that names the
# URL, when the export is opened and later.
# shellcheck source=tests/http.sh
. "${abs_top_srcdir:-.}/tests/http.sh"

make_image "$image" 2M
start_misbehave srv

paths=(
  field/Content-Range/-
  field/Content-Range/x
  field/Content-Range/bytes
  field/Content-Range/bytes~0-0
  "field/Content-Range/bytes~0-0!*"
  field/Content-Range/bytes~1-1!2097152
  field/Content-Range/bytes~1-0!2097152
  field/Content-Range/bytes~0-0!0
  field/Content-Range/bytes~0-0!-5
  field/Content-Range/bytes~0-0!18446744073709551615
  field/Content-Range/bytes~0-0!99999999999999999999999
  field/Content-Range/bytes~0-99999999999999999999!2097152
  field/Content-Range/pages~0-0!2097152
  field/Content-Length/-1
  field/Content-Length/x
  field/Content-Length/99999999999999999999999
  field/Content-Length/-9223372036854775808
  doubled-length
  doubled-length-same
  doubled-range
  shifted
  multipart
  gzip
  field/Content-Encoding/br
  longer
  large-header/200
  large-field/200
  endless-header
  garbage/binary
  garbage/status
  garbage/number
  garbage/negative
  garbage/version
  garbage/other
  garbage/nothing
  garbage/old
)
for path in "${paths[@]}"; do
  refused "http://127.0.0.1.*: .*" "$(bad srv "$path")" fetch-retries=0 \
          fetch-timeout=20s
  fails_reading "http://127.0.0.1.*: .*" "$(bad srv "later/$path")" \
                fetch-retries=0 fetch-timeout=20s
done

# A length whose end is never seen.
path=field/Content-Length/9223372036854775807
refused "http://127.0.0.1.*: .*" "$(bad srv $path)" fetch-retries=0 \
        fetch-timeout=500ms
fails_reading "http://127.0.0.1.*: .*" "$(bad srv later/$path)" \
              fetch-retries=0 fetch-timeout=500ms

# And what is only unusual.
for path in field/Content-Encoding/identity field/Connection/x \
            field/X-Odd/caf%C3%A9 large-header/8; do
  works "$(bad srv $path)"
done
