# What contrib/run and contrib/test share: packages and builds. Sourced with the working directory at the project's root.
set -euo pipefail

say() { printf '%s\n' "$*"; }

# install_packages [build]: installs what is missing of contrib/packages.txt, or of its part for building; does nothing,
# quickly, where all is there.
install_packages() {
  local missing part='$'
  [ "${1:-}" != build ] || part='/^# tests/'
  missing=$(sed -n "1,${part}p" contrib/packages.txt | sed 's/#.*//' | xargs -n1 | while read -r package; do
    # Node.js from elsewhere than Debian brings npm with it, and conflicts with Debian's package.
    [ "$package" != npm ] || ! command -v npm > /dev/null || continue
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
  done)
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || { say "these packages are missing; install them as root: $missing" >&2; return 1; }
  say "installing: $missing"
  export DEBIAN_FRONTEND=noninteractive
  # Test servers are started by the tests themselves, not by their packages.
  local policy=/usr/sbin/policy-rc.d made_policy=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy" && made_policy=1
  fi
  local attempt status=1
  for attempt in 1 2 3; do
    # shellcheck disable=SC2086
    if { [ "$attempt" = 1 ] || apt-get update -qq; } && apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1; then
      status=0
      break
    fi
  done
  [ -z "$made_policy" ] || rm -f "$policy"
  [ "$status" = 0 ] || say "apt-get could not install: $missing" >&2
  return "$status"
}

# Of debugging symbols the lines (-g1): what profiles and backtraces need, for three quarters of the time of -g.
optimised_options=(-Dbuildtype=release -Dcpp_args=-g1 -Dwerror=true)

# A build that is only to compile, with all warnings.
clang_options=(-Dbuildtype=plain -Doptimization=0 -Dwerror=true)

# configure_tree DIR [MESON OPTION...]: sets up a build tree, or changes the options of one where they are not the last ones.
configure_tree() {
  local dir=$1
  shift
  [ "$(cat "$dir/options" 2>/dev/null)" != "$*" ] || return 0
  local command=(meson setup "$dir" "$@")
  [ ! -f "$dir/build.ninja" ] || command=(meson configure "$dir" "$@")
  "${command[@]}" > "$dir.log" 2>&1 || { cat "$dir.log" >&2; return 1; }
  rm -f "$dir.log"
  printf '%s' "$*" > "$dir/options"
}

# Objects do not depend on where the checkout lies.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=1
