#!/usr/bin/env bash
# Measures the HTTP door beside nginx, interleaved, on this machine: medians of rates, 99th percentiles, server CPU per request.
#   small   GET and PUT of 100 bytes, plain and over TLS, beside nginx's fixed answer and static file
#   many    batches of 100 keys; lists of 1,000 keys with their values
#   large   a value of 1 GiB up and down beside nginx serving the file, with the memory it takes
#   idle    the memory of 10,000 idle connections
# Needs wrk, nginx, curl, openssl, python3 (packages wrk, nginx-light).
# usage: contrib/bench/http.sh [-b BUILD] [-r ROUNDS] [-s SECONDS] [-c CONNECTIONS] [-m MIB] [-i IDLE] [small|many|large|idle]...
set -euo pipefail
cd "$(dirname "$0")/../.."
. contrib/bench/lib.sh
build=build rounds=5 seconds=3 connections=64 mib=1024 idle=10000
while getopts b:r:s:c:m:i: option; do
  case $option in
    b) build=$OPTARG ;; r) rounds=$OPTARG ;; s) seconds=$OPTARG ;; c) connections=$OPTARG ;; m) mib=$OPTARG ;; i) idle=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- small many large idle
kvfs=${KVFS_EXE:-$build/kvfs}
work=$(mktemp -d "${TMPDIR:-/tmp}/kvfs-bench-XXXXXX")
pids=()

clean_up() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
  -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null

ulimit -n "$(ulimit -Hn)"
plain=127.0.0.1:$(free_port) secure=127.0.0.1:$(free_port)
KVFS_STORE_PATH=$work/store KVFS_HTTP_LISTEN=$plain,tls:$secure KVFS_RESP_LISTEN= KVFS_HTTP_BACKLOG=8192 \
  KVFS_HTTP_TLS_CERTIFICATE_FILE=$work/cert.pem KVFS_HTTP_TLS_KEY_FILE=$work/key.pem "$kvfs" serve >"$work/kvfs.log" 2>&1 &
kvfs_pid=$!
pids+=("$kvfs_pid")
until_succeeds curl -sf "http://$plain/ready"

value=$(printf 'v%.0s' $(seq 100))
nginx_plain=127.0.0.1:$(free_port) nginx_secure=127.0.0.1:$(free_port)
mkdir -p "$work/www" "$work/tmp"
printf %s "$value" >"$work/www/key"
chmod -R a+rX "$work"
cat >"$work/nginx.conf" <<EOF
worker_processes auto; daemon off; pid $work/nginx.pid; error_log $work/nginx.log;
$([ "$(id -u)" != 0 ] || echo "user root;")
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; default_type application/octet-stream;
  open_file_cache max=1000 inactive=60s;
  client_body_temp_path $work/tmp/a; proxy_temp_path $work/tmp/b; fastcgi_temp_path $work/tmp/c;
  uwsgi_temp_path $work/tmp/d; scgi_temp_path $work/tmp/e;
  server {
    listen $nginx_plain reuseport; listen $nginx_secure ssl reuseport;
    ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
    location /files/ { alias $work/www/; }
    location / { return 200 "$value"; }
  }
}
EOF
nginx -c "$work/nginx.conf" &
nginx_pid=$!
pids+=("$nginx_pid")
until_succeeds curl -sf "http://$nginx_plain/files/key"

memory_kib() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$kvfs_pid/status"; } # VmRSS or VmHWM

# sample NAME PID URL [SCRIPT]: one run of wrk; adds rate, 99th percentile in us and CPU in us per request to NAME's samples
sample() {
  local name=$1 pid=$2 url=$3 script=${4:-} before after
  before=$(cpu_ticks "$pid")
  wrk -t2 -c"$connections" -d"${seconds}s" --latency ${script:+-s "$script"} "$url" >"$work/wrk"
  after=$(cpu_ticks "$pid")
  if grep -q 'Non-2xx' "$work/wrk"; then echo "$name fails: $(grep Non-2xx "$work/wrk")" >&2; fi
  awk -v ticks=$((after - before)) '
    function us(text) { return text * (text ~ /us$/ ? 1 : text ~ /ms$/ ? 1000 : 1000000) }
    $1 == "99%" { p99 = us($2) } /requests in/ { requests = $1 } $1 == "Requests/sec:" { rate = $2 }
    END { print rate, p99, requests ? ticks * 10000 / requests : 0 }' "$work/wrk" >>"$work/samples.$name"
}

# median NAME COLUMN
median() { sort -g -k "$2,$2" "$work/samples.$1" | awk -v column="$2" '{ v[NR] = $column } END { print v[int((NR + 1) / 2)] }'; }

# table BASE NAME...: a row for each, compared with BASE
table() {
  local base=$1 name
  shift
  echo "| | requests/s | x of $base | p99 us | CPU us per request |"
  echo "|---|---:|---:|---:|---:|"
  for name in "$@"; do
    awk -v name="$name" -v rate="$(median "$name" 1)" -v of="$(median "$base" 1)" -v p99="$(median "$name" 2)" \
      -v cpu="$(median "$name" 3)" 'BEGIN { printf "| %s | %.0f | %.2f | %.0f | %.1f |\n", name, rate, rate / of, p99, cpu }'
  done
  echo
}

measure_small() {
  printf %s "$value" | curl -sf -T - "http://$plain/v1/default/key"
  cat >"$work/put.lua" <<'EOF'
local i, body = 0, string.rep("v", 100)
request = function()
  i = (i + 1) % 1000
  return wrk.format("PUT", wrk.path .. i, nil, body)
end
EOF
  local round
  for round in $(seq "$rounds"); do
    sample kvfs_get "$kvfs_pid" "http://$plain/v1/default/key"
    sample nginx_fixed "$nginx_pid" "http://$nginx_plain/key"
    sample nginx_file "$nginx_pid" "http://$nginx_plain/files/key"
    sample kvfs_put "$kvfs_pid" "http://$plain/v1/default/put" "$work/put.lua"
    sample kvfs_tls_get "$kvfs_pid" "https://$secure/v1/default/key"
    sample nginx_tls_fixed "$nginx_pid" "https://$nginx_secure/key"
    sample kvfs_tls_put "$kvfs_pid" "https://$secure/v1/default/put" "$work/put.lua"
  done
  echo "## 100 bytes, $connections connections, medians of $rounds rounds of $seconds s"
  echo
  table nginx_fixed nginx_fixed nginx_file kvfs_get kvfs_put
  table nginx_tls_fixed nginx_tls_fixed kvfs_tls_get kvfs_tls_put
}

measure_many() {
  cat >"$work/batch.lua" <<'EOF'
local requests, next_request = {}, 0
function init(arguments)  -- made before, so that making them is not measured
  local value = string.rep("v", 100)
  for n = 1, 200 do
    local operations = {}
    for i = 1, 100 do operations[i] = '{"op":"put","key":"batch/' .. n * 100 + i .. '","value":"' .. value .. '"}' end
    requests[n] = wrk.format("POST", wrk.path, nil, '{"operations":[' .. table.concat(operations, ",") .. "]}")
  end
end
function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end
EOF
  python3 - "$value" >"$work/list.json" <<'EOF'
import json, sys
print(json.dumps({"operations": [{"op": "put", "key": "key%04d" % i, "value": sys.argv[1]} for i in range(2000)]}))
EOF
  curl -sf -o /dev/null --data-binary @"$work/list.json" "http://$plain/v1/list"
  local round
  for round in $(seq "$rounds"); do
    sample batch "$kvfs_pid" "http://$plain/v1/batches" "$work/batch.lua"
    sample list "$kvfs_pid" "http://$plain/v1/list?values=1&limit=1000"
  done
  echo "## Many keys at once, values of 100 bytes, $connections connections, medians of $rounds rounds of $seconds s"
  echo
  echo "| | keys/s | CPU us per key |"
  echo "|---|---:|---:|"
  awk -v rate="$(median batch 1)" -v cpu="$(median batch 3)" 'BEGIN { printf "| batches of 100 | %.0f | %.2f |\n", rate * 100, cpu / 100 }'
  awk -v rate="$(median list 1)" -v cpu="$(median list 3)" 'BEGIN { printf "| pages of 1,000 with values | %.0f | %.3f |\n", rate * 1000, cpu / 1000 }'
  echo
}

# speed NAME COMMAND...: MiB/s of one transfer
speed() {
  local name=$1 begin end
  shift
  begin=$(date +%s%N)
  "$@"
  end=$(date +%s%N)
  awk -v ns=$((end - begin)) -v mib="$mib" 'BEGIN { print mib * 1e9 / ns, 0, 0 }' >>"$work/samples.$name"
}

measure_large() {
  head -c "${mib}M" /dev/urandom >"$work/www/large"
  local idle_kib peak_kib round
  idle_kib=$(memory_kib VmRSS)
  echo 5 >"/proc/$kvfs_pid/clear_refs" # the peak begins again
  for round in $(seq "$rounds"); do
    speed up curl -sf -o "$work/answer" -T "$work/www/large" "http://$plain/v1/large/value"
    speed down curl -sf -o /dev/null "http://$plain/v1/large/value"
    speed nginx_down curl -sf -o /dev/null "http://$nginx_plain/files/large"
    speed dd dd if="$work/www/large" of="$work/copy" bs=64k status=none # what the file system takes without any server
    rm "$work/copy"
  done
  peak_kib=$(memory_kib VmHWM)
  curl -sf "http://$plain/v1/large/value" | cmp - "$work/www/large"
  echo "## A value of $mib MiB, medians of $rounds rounds"
  echo
  echo "| | MiB/s | x of nginx |"
  echo "|---|---:|---:|"
  local name
  for name in nginx_down down up dd; do
    awk -v name="$name" -v rate="$(median "$name" 1)" -v of="$(median nginx_down 1)" \
      'BEGIN { printf "| %s | %.0f | %.2f |\n", name, rate, rate / of }'
  done
  echo
  echo "Memory: $((idle_kib / 1024)) MiB before, $((peak_kib / 1024)) MiB at most meanwhile."
  echo
  curl -sf -X DELETE "http://$plain/v1/large/value"
}

measure_idle() {
  local before
  before=$(memory_kib VmRSS)
  coproc HOLD { python3 - "${plain%:*}" "${plain#*:}" "$idle" <<'EOF'
import socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
held = []
for _ in range(count):
    one = socket.create_connection((host, port))
    one.sendall(b"GET /v1/default/key HTTP/1.1\r\nHost: x\r\n\r\n")
    held.append(one)
for one in held:
    while b"\r\n\r\n" not in one.recv(4096):
        pass
print("held", flush=True)
sys.stdin.readline()
EOF
  }
  local holder=$HOLD_PID
  read -r <&"${HOLD[0]}"
  echo "## $idle idle connections, each after a request"
  echo
  echo "Memory: $((before / 1024)) MiB before, $(($(memory_kib VmRSS) / 1024)) MiB with them."
  echo
  echo >&"${HOLD[1]}"
  wait "$holder" || true
}

printf %s "$value" | curl -sf -T - "http://$plain/v1/default/key"
for part in "$@"; do
  case $part in
    small | many | large | idle) "measure_$part" ;;
    *) echo "no such part: $part" >&2; exit 2 ;;
  esac
done
