#!/usr/bin/env bash
# Measures kvfs beside what a person would compare it with, interleaved, on this machine:
#   files: kvfs, memfs (the limit of FUSE), the local file system        HTTP: kvfs, nginx (a file of it, a fixed answer)
# Prints Markdown tables of medians. Needs root (mounts, cold caches), wrk and nginx (packages wrk, nginx-light).
# usage: contrib/bench/first.sh [-b BUILD] [-r ROUNDS] [-n FILES] [-t THREADS] [-s SECONDS] [files|http]
set -euo pipefail
cd "$(dirname "$0")/../.."
. contrib/bench/lib.sh
build=build rounds=5 files=2000 threads=1 seconds=3
while getopts b:r:n:t:s: option; do
  case $option in
    b) build=$OPTARG ;; r) rounds=$OPTARG ;; n) files=$OPTARG ;; t) threads=$OPTARG ;; s) seconds=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
what=${1:-all}
kvfs=${KVFS_EXE:-$build/kvfs}
work=$(mktemp -d "${TMPDIR:-/tmp}/kvfs-bench-XXXXXX")
pids=()

clean_up() {
  local mount pid
  for mount in "$work"/{kvfs,memfs}; do
    mountpoint -q "$mount" && { fusermount3 -u "$mount" || umount -l "$mount"; }
  done
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

start_kvfs() {
  http_port=$(free_port)
  mkdir "$work/kvfs"
  KVFS_STORE_PATH=$work/store KVFS_HTTP_LISTEN=127.0.0.1:$http_port KVFS_RESP_LISTEN= \
    "$kvfs" mount -f "$work/kvfs" &
  kvfs_pid=$!
  pids+=("$kvfs_pid")
  until_succeeds curl -sf "http://127.0.0.1:$http_port/health"
  until_succeeds test -e "$work/kvfs/.kvfs/version"
  mkdir -p "$work/kvfs/default/default"
}

measure_files() {
  mkdir "$work/memfs" "$work/local"
  "$build/tests/bench/memfs" -f "$work/memfs" &
  local memfs_pid=$!
  pids+=("$memfs_pid")
  until_succeeds mountpoint -q "$work/memfs"
  local type
  type=$(stat -f -c %T "$work/local")
  [ "$type" = ext2/ext3 ] && type=ext4
  echo "## Files of 100 bytes, $threads thread(s), $files files, medians of $rounds rounds"
  echo
  "$build/tests/bench/fs_bench" -n "$files" -r "$rounds" -t "$threads" "memfs=$work/memfs@$memfs_pid" \
    "kvfs=$work/kvfs/default/default@$kvfs_pid" "$type=$work/local"
  echo
}

start_nginx() {
  nginx_port=$(free_port)
  mkdir -p "$work/nginx/www" "$work/nginx/tmp"
  printf 'v%.0s' $(seq 100) >"$work/nginx/www/key"
  chmod -R a+rX "$work" "$work/nginx"
  cat >"$work/nginx/nginx.conf" <<EOF
worker_processes 2; daemon off; user root; pid $work/nginx/pid; error_log $work/nginx/error.log;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; default_type application/octet-stream;
  open_file_cache max=1000 inactive=60s;
  client_body_temp_path $work/nginx/tmp/a; proxy_temp_path $work/nginx/tmp/b; fastcgi_temp_path $work/nginx/tmp/c;
  uwsgi_temp_path $work/nginx/tmp/d; scgi_temp_path $work/nginx/tmp/e;
  server {
    listen 127.0.0.1:$nginx_port reuseport;
    location /files/ { alias $work/nginx/www/; }
    location / { return 200 "$(printf 'v%.0s' $(seq 100))"; }
  }
}
EOF
  nginx -c "$work/nginx/nginx.conf" &
  pids+=($!)
  until_succeeds curl -sf "http://127.0.0.1:$nginx_port/files/key"
}

# requests_per_second URL [SCRIPT]
requests_per_second() {
  local out
  out=$(wrk -t2 -c64 -d"${seconds}s" ${2:+-s "$2"} "$1")
  if grep -q 'Non-2xx' <<<"$out"; then echo "$1 fails: $(grep Non-2xx <<<"$out")" >&2; fi
  awk '/Requests\/sec/ { print $2 }' <<<"$out"
}

median() { sort -g "$1" | awk '{ v[NR] = $1 } END { printf "%.0f", v[int((NR + 1) / 2)] }'; }

measure_http() {
  start_nginx
  local kvfs_url=http://127.0.0.1:$http_port nginx_url=http://127.0.0.1:$nginx_port round name
  printf 'v%.0s' $(seq 100) | curl -sf -T - "$kvfs_url/v1/default/key" >/dev/null
  cat >"$work/put.lua" <<'EOF'
local i, body = 0, string.rep("v", 100)
request = function()
  i = (i + 1) % 1000
  return wrk.format("PUT", wrk.path .. i, nil, body)
end
EOF
  for round in $(seq "$rounds"); do
    requests_per_second "$kvfs_url/v1/default/key" >>"$work/get.kvfs"
    requests_per_second "$nginx_url/files/key" >>"$work/get.nginx_file"
    requests_per_second "$nginx_url/key" >>"$work/get.nginx_fixed"
    requests_per_second "$kvfs_url/v1/default/put" "$work/put.lua" >>"$work/put.kvfs"
    requests_per_second "$nginx_url/put" "$work/put.lua" >>"$work/put.nginx_fixed"
  done
  echo "## HTTP, 100 bytes, 64 connections, 2 threads each side, medians of $rounds rounds of $seconds s"
  echo
  echo "| | requests/s | kvfs is x of it |"
  echo "|---|---:|---:|"
  for name in get.kvfs get.nginx_file get.nginx_fixed put.kvfs put.nginx_fixed; do
    awk -v name="$name" -v of="$(median "$work/${name%%.*}.kvfs")" -v rate="$(median "$work/$name")" \
      'BEGIN { printf "| %s | %.0f | %.2f |\n", name, rate, of / rate }'
  done
  echo
  echo "nginx_file is a static file, nginx_fixed a fixed answer from its configuration: it stores nothing, also for PUT."
}

start_kvfs
if [ "$what" != http ]; then measure_files; fi
if [ "$what" != files ]; then measure_http; fi
