# bash completion of tiercache-ctl and tiercache-sim        -*- shell-script -*-
# Commands and options are those that --help shows, so that it knows them all.

_tiercache ()
{
  local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]}
  local help word command=

  help=$("$program" --help 2>/dev/null)
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word != -* ]]; then
      command=$word
    fi
  done

  COMPREPLY=()
  if [[ $cur = -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(
      grep -oE -- '--[a-z][a-z-]*=?' <<<"$help" | sort -u)" -- "$cur")
    # What takes a value goes on without a space.
    if [[ ${COMPREPLY[*]} = *= ]]; then
      compopt -o nospace
    fi
  elif [[ -z $command ]]; then
    # "  tiercache-ctl COMMAND ..."; tiercache-sim has none, but takes files.
    mapfile -t COMPREPLY < <(compgen -W "$(
      sed -n 's/^ *tiercache-ctl \([a-z][a-z]*\) .*/\1/p' <<<"$help" |
        sort -u)" -- "$cur")
  fi
}

complete -o default -F _tiercache tiercache-ctl tiercache-sim
