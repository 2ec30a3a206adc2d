# What the tests of the filter share; after functions.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # used in the tests, or set there

# Ways to run a stack: as it is, and in every lower thread model.
models=(parallel serialize_requests serialize_all_requests
        serialize_connections)

# with_model MODEL: what makes nbdkit keep to it: a filter, to come before the
# plugin, and its parameter, to come after.
with_model ()
{
  model_filter=(--filter=noparallel)
  case $1 in
    parallel) model_filter=() model_parameter=() ;;
    serialize_requests) model_parameter=(serialize=requests) ;;
    serialize_all_requests) model_parameter=(serialize=all-requests) ;;
    serialize_connections) model_parameter=(serialize=connections) ;;
  esac
}

# Ways to an image: the plugin, the filter where the next layer may be read by
# any thread, and the filter where only the request may read it.
ways=(plugin filter direct)

# start_way WAY NAME IMAGE CACHE-DIRECTORY SIZE
start_way ()
{
  local params=(file "$3" tiercache-dir="$4" tiercache-size="$5"
                tiercache-id=image)

  case $1 in
    plugin) start_tiercache "$2" "$3" cache-dir="$4" cache-size="$5" ;;
    filter) start_nbdkit "$2" --filter="$filter" "${params[@]}" ;;
    direct) start_nbdkit "$2" --filter="$filter" --filter=noparallel \
              "${params[@]}" serialize=requests ;;
  esac
}

# export_uri NAME EXPORT: one of its exports.
export_uri ()
{
  echo "nbd+unix:///$2?socket=$tmp/$1.sock"
}

# same_export NAME EXPORT FILE: its bytes are the file's.
same_export ()
{
  nbdcopy "$(export_uri "$1" "$2")" - | cmp - "$3" ||
    fail "export $2 of $1 differs from $3"
}
