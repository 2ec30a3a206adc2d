#!/usr/bin/env bash
# --help and --dump-plugin say what the plugin is and takes.

. "${abs_top_srcdir:-.}/tests/functions.sh"

nbdkit "$plugin" --help >"$tmp/help"
nbdkit "$plugin" --dump-plugin >"$tmp/dump"

for parameter in url cache-dir cache-size cache-block-size cache-compress \
                   cache-policy cache-key stale-after expire-after offline \
                   connections readahead fetch-timeout fetch-retries cainfo \
                   header user password progress; do
  grep -qE "(^|[^a-z-])$parameter=" "$tmp/help" ||
    fail "--help does not mention $parameter"
done
grep -q '^name=tiercache$' "$tmp/dump"
grep -q '^magic_config_key=url$' "$tmp/dump"
grep -q '^has_can_multi_conn=1$' "$tmp/dump"
grep -q '^has_extents=1$' "$tmp/dump"
grep -qE '^tiercache_[a-z_0-9]+=' "$tmp/dump" ||
  fail "--dump-plugin tells nothing of the plugin's own"
"$ctl" --help >"$tmp/ctl"
grep -q 'stat' "$tmp/ctl" || fail "tiercache-ctl --help does not mention stat"
"$ctl" --version | grep -q '[0-9]\.[0-9]'
