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
