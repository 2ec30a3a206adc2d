#!/usr/bin/env bash
# Without an id, what clients have read is dropped when the last of them
# leaves: the next one sees one version of what is below, not a mix.

. "${abs_top_srcdir:-.}/tests/functions.sh"
. "$abs_top_srcdir/tests/filter.sh"

head -c 1M >"$tmp/old" < <(yes old)
head -c 1M >"$tmp/new" < <(yes new)

# The plugin is closed after the filter.
all_left ()
{
  [ "$(grep -c 'file: close' "$tmp/$1.log")" -ge "$2" ]
}

for model in parallel serialize_requests; do
  with_model "$model"
  cp "$tmp/old" "$tmp/image"
  start_nbdkit "$model" -v --filter="$filter" "${model_filter[@]}" \
    file "$tmp/image" "tiercache-dir=$tmp/cache" tiercache-size=64M \
    "${model_parameter[@]}"

  # As long as somebody stays, others find what was read.
  nbd_script "$(uri "$model")" "$(uri "$model")" "$tmp/new" "$tmp/image" \
    <<'PYTHON'
import shutil
h.pread(65536, 0)
shutil.copyfile(sys.argv[2], sys.argv[3])
other = nbd.NBD()
other.connect_uri(sys.argv[1])
assert other.pread(4, 0) == b"old\n"
PYTHON
  wait_for 60 all_left "$model" 2 || fail "clients do not leave"
  nbdcopy "$(uri "$model")" - | cmp - "$tmp/new" ||
    fail "$model: not the new version, or not only that"

  # A client that has been let go may change what it has read.
  nbd_script "$(uri "$model")" "$(uri "$model")" "$tmp/image" <<'PYTHON'
for version in range(100):
    with open(sys.argv[2], "r+b", buffering=0) as f:
        f.write(bytes([version]) * (1 << 20))
    if version == 0:
        h.shutdown()
    c = nbd.NBD()
    c.connect_uri(sys.argv[1])
    for offset in range(0, 1 << 20, 1 << 17):
        got = c.pread(4096, offset)
        assert got == bytes([version]) * 4096, (version, got[0])
    c.shutdown()
PYTHON
  stop_nbdkit "$model"
done
