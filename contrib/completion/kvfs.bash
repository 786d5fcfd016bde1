# bash completion for kvfs: options, subcommands, and SECTION.KEY names after -o from the table itself.
_kvfs_settings() {
  kvfs --print-config 2>/dev/null | awk '/^\[/ { section = substr($1, 2, length($1) - 2) } / = ?/ { print section "." $1 "=" }'
}

_kvfs() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands='mount serve check backup restore compact dump load stats sync checkpoint reload snapshot control' word command=
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " $commands " in *" $word "*) command=$word; break ;; esac
  done
  case "$previous" in
    -c | --config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    -o)
      local done=
      [[ $current == *,* ]] && done=${current%,*},
      compopt -o nospace
      mapfile -t COMPREPLY < <(compgen -P "$done" -W "ro rw allow_other no_allow_other nonempty acl noacl noatime $(_kvfs_settings)" -- "${current##*,}")
      return ;;
  esac
  if [[ $current == -* ]]; then
    local options='-h --help -c --config -o'
    case "$command" in
      mount) options+=' -f --foreground -d --debug -s --salvage' ;;
      serve) options+=' --salvage' ;;
      check) options+=' --repair --quick --salvage' ;;
      stats) options+=' --store --json --tenant' ;;
      sync | checkpoint | reload) options+=' --store' ;;
      snapshot | control) options+=' --store --tenant' ;;
      backup) options+=' --store --no-verify' ;;
      restore | load) options+=' --store --replace' ;;
      dump) options+=' --store --tenant' ;;
      '') options+=' -V --version --print-config --check-config' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [ -z "$command" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
  else
    compopt -o filenames
    case "$command" in
      snapshot) mapfile -t COMPREPLY < <(compgen -W 'take list extend drop' -- "$current") ;;
      dump | load) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
      *) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    esac
  fi
}
complete -F _kvfs kvfs
