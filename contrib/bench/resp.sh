#!/usr/bin/env bash
# Measures kvfs beside redis-server with the same promise (appendonly yes, appendfsync everysec), interleaved, on this
# machine, with redis-benchmark: 100 bytes, 50 connections, 100,000 keys or members, one command at a time and 16 in a
# pipeline; and messages published to 50 subscribers. Prints Markdown tables of medians: operations per second, the
# server's CPU time per operation, latencies. Needs redis-server, redis-tools and python3.
# usage: contrib/bench/resp.sh [-b BUILD] [-r ROUNDS] [-n REQUESTS] [-t "TEST ..."]
set -euo pipefail
cd "$(dirname "$0")/../.."
. contrib/bench/lib.sh
build=build rounds=5 requests=50000 tests="set get incr mset sadd spop expire publish"
while getopts b:r:n:t: option; do
  case $option in
    b) build=$OPTARG ;; r) rounds=$OPTARG ;; n) requests=$OPTARG ;; t) tests=$OPTARG ;;
    *) exit 2 ;;
  esac
done
kvfs=${KVFS_EXE:-$PWD/$build/kvfs}
work=$(mktemp -d "${TMPDIR:-/tmp}/kvfs-bench-XXXXXX")
pids=()
declare -A port pid

clean_up() {
  local each
  for each in "${pids[@]}"; do kill "$each" 2>/dev/null || true; done
  wait
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

answers() { [ "$(redis-cli -p "$1" ping 2>&1)" = PONG ]; } # PORT

start_servers() {
  port[kvfs]=$(free_port)
  KVFS_STORE_PATH=$work/store KVFS_HTTP_LISTEN=127.0.0.1:$(free_port) KVFS_RESP_LISTEN=127.0.0.1:${port[kvfs]} \
    "$kvfs" serve >"$work/kvfs.log" 2>&1 &
  pid[kvfs]=$!
  port[redis]=$(free_port)
  mkdir "$work/redis"
  redis-server --port "${port[redis]}" --bind 127.0.0.1 --save "" --appendonly yes --appendfsync everysec \
    --dir "$work/redis" >"$work/redis.log" 2>&1 &
  pid[redis]=$!
  pids+=("${pid[kvfs]}" "${pid[redis]}")
  until_succeeds answers "${port[kvfs]}"
  until_succeeds answers "${port[redis]}"
}

# measure SERVER TEST PIPELINE COUNT: adds "rate cpu_us p50_us p99_us" to the test's file
measure() {
  local command=() before after line
  case $2 in
    expire) command=(expire key:__rand_int__ 1000) ;;
    *) command=(-t "$2") ;;
  esac
  before=$(cpu_ticks "${pid[$1]}")
  # redis-benchmark spins for ever when its server ends
  line=$(timeout 300 redis-benchmark -p "${port[$1]}" -c 50 -P "$3" -d 100 -r 100000 -n "$4" --csv "${command[@]}" \
    2>/dev/null | tail -n 1)
  after=$(cpu_ticks "${pid[$1]}")
  tr -d '"' <<<"$line" | awk -F, -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$4" \
    '{ print $2, ticks * 1e6 / hz / n, $5 * 1000, $7 * 1000 }' >>"$work/$2.$3.$1"
}

# publish SERVER COUNT: one publisher with 16 messages under way, 50 subscribers; the rate is of messages published
publish() {
  python3 - "${port[$1]}" "${pid[$1]}" "$2" >>"$work/publish.16.$1" <<'EOF'
import os, select, socket, sys, time
port, pid, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def ticks(): return sum(map(int, open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()[11:13]))
def connect(): return socket.create_connection(("127.0.0.1", port))
def encoded(*words): return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
subscribers = [connect() for _ in range(50)]
for each in subscribers:
    each.sendall(encoded(b"SUBSCRIBE", b"news"))
    got = b""
    while not got.endswith(b":1\r\n"): got += each.recv(4096)
message = b"v" * 100
size = len(encoded(b"message", b"news", message))
publisher = connect()
batch = encoded(b"PUBLISH", b"news", message) * 16
expected, received, waits = 0, 0, []
poller = select.poll()
by_fd = {each.fileno(): each for each in subscribers}
for fd in by_fd: poller.register(fd, select.POLLIN)
before, begun = ticks(), time.monotonic()
for _ in range(count // 16):
    sent = time.monotonic()
    publisher.sendall(batch)
    expected += 16 * 50 * size
    replies = 0
    while replies < 16: replies += publisher.recv(65536).count(b"\r\n")
    while received < expected:
        ready = poller.poll(5000)
        if not ready: sys.exit("messages are lost")
        for fd, _ in ready: received += len(by_fd[fd].recv(1 << 20))
    waits.append((time.monotonic() - sent) * 1e6)
took, waits, sent = time.monotonic() - begun, sorted(waits), count // 16 * 16
print(sent / took, (ticks() - before) * 1e6 / os.sysconf("SC_CLK_TCK") / sent, waits[len(waits) // 2],
      waits[len(waits) * 99 // 100])
EOF
}

median() { # FILE FIELD
  awk -v field="$2" '{ print $field }' "$1" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

row() { # TEST PIPELINE
  local values=() field server
  for field in 1 2 3 4; do
    for server in kvfs redis; do values+=("$(median "$work/$1.$2.$server" "$field")"); done
  done
  awk -v name="$1" -v pipeline="$2" -v values="${values[*]}" 'BEGIN {
    split(values, v, " ")
    printf "| %s | %d | %.0f | %.0f | %.2f | %.1f | %.1f | %.0f | %.0f | %.0f | %.0f |\n", toupper(name), pipeline,
      v[1], v[2], v[1] / v[2], v[3], v[4], v[5], v[6], v[7], v[8] }'
}

start_servers
for _ in $(seq "$rounds"); do
  for pipeline in 1 16; do
    for test in $tests; do
      count=$((pipeline == 1 ? requests : requests * 4))
      [ "$test" != mset ] || count=$((count / 4))
      for server in kvfs redis; do
        if [ "$test" != publish ]; then
          measure "$server" "$test" "$pipeline" "$count"
        elif [ "$pipeline" = 16 ]; then
          publish "$server" $((requests / 5))
        fi
      done
    done
  done
done
echo "## Redis commands, 50 connections, 100 bytes, medians of $rounds rounds"
echo
echo "| | pipeline | kvfs/s | Redis/s | ratio | CPU us kvfs | Redis | p50 us kvfs | Redis | p99 us kvfs | Redis |"
echo "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
for pipeline in 1 16; do
  for test in $tests; do
    if [ "$test" != publish ] || [ "$pipeline" = 16 ]; then row "$test" "$pipeline"; fi
  done
done
