# What the benchmarks share. Sourced.

# until_succeeds COMMAND...: tries for ten seconds
until_succeeds() {
  for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done
  echo "does not come up: $*" >&2
  return 1
}

free_port() { # prints a port that nobody listens on
  local port
  while port=$((20000 + RANDOM % 12000)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

cpu_ticks() { # PID[+PID...]: of these servers and their children, in hundredths of a second
  local pid child total=0 ticks
  for pid in ${1//+/ }; do
    for child in "$pid" $(pgrep -P "$pid"); do
      ticks=$(sed 's/.*) //' "/proc/$child/stat" | awk '{ print $12 + $13 }')
      total=$((total + ticks))
    done
  done
  echo "$total"
}
