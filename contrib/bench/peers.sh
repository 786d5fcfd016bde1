# Starts and ends file systems to compare kvfs with; sourced by mount.sh. Each start_NAME mounts on $work/NAME, sets
# pids_of[NAME] to its daemons (1+2) and returns non-zero where the peer is not installed. Needs lib.sh, $work, $build, $kvfs.
# shellcheck shell=bash disable=SC2154,SC2034
declare -A pids_of directory_of

# run_peer NAME COMMAND...: in the background, until its mount is there
run_peer() {
  local name=$1
  shift
  mkdir -p "$work/$name"
  "$@" >"$work/$name.log" 2>&1 &
  pids_of[$name]=$!
  directory_of[$name]=$work/$name
  until_succeeds mountpoint -q "$work/$name"
}

# run_kvfs NAME IO_URING
run_kvfs() {
  KVFS_MOUNT_IO_URING=$2 KVFS_STORE_PATH=$work/$1.store KVFS_HTTP_LISTEN='' KVFS_RESP_LISTEN='' \
    run_peer "$1" "$kvfs" mount -f "$work/$1" &&
    mkdir -p "$work/$1/bench/bench" && directory_of[$1]=$work/$1/bench/bench
}

start_kvfs() { run_kvfs kvfs no; }

start_kvfs_uring() { [ -e /sys/module/fuse/parameters/enable_uring ] && run_kvfs kvfs_uring yes; }

start_memfs() { run_peer memfs "$build/tests/bench/memfs" -f -o default_permissions "$work/memfs"; }

start_local() {
  mkdir -p "$work/local"
  directory_of[local]=$work/local
  pids_of[local]=
}

# libfuse's own example over a directory of the local file system
start_passthrough() {
  local source=/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c flags
  [ -e "$source" ] || return 1
  read -ra flags <<<"$(pkg-config --cflags --libs fuse3)"
  cc -O2 -I"$(dirname "$source")" -o "$work/passthrough_ll" "$source" "${flags[@]}" || return 1
  mkdir -p "$work/passthrough.below"
  ulimit -n "$(ulimit -Hn)" # it holds a descriptor for each file
  run_peer passthrough "$work/passthrough_ll" -f -o "source=$work/passthrough.below,cache=always" "$work/passthrough"
}

start_gocryptfs() {
  command -v gocryptfs >/dev/null || return 1
  mkdir -p "$work/gocryptfs.below"
  echo secret >"$work/gocryptfs.pass"
  gocryptfs -q -init -scryptn 10 -passfile "$work/gocryptfs.pass" "$work/gocryptfs.below" >&2 || return 1
  run_peer gocryptfs gocryptfs -fg -q -passfile "$work/gocryptfs.pass" "$work/gocryptfs.below" "$work/gocryptfs"
}

start_rclone() {
  command -v rclone >/dev/null || return 1
  mkdir -p "$work/rclone.below"
  run_peer rclone rclone mount "$work/rclone.below" "$work/rclone" --vfs-cache-mode writes \
    --cache-dir "$work/rclone.cache" --config /dev/null
}

# One brick and a client from volume files of our own: what is installed of GlusterFS is not touched.
start_glusterfs() {
  command -v glusterfsd >/dev/null && command -v glusterfs >/dev/null || return 1
  local port server
  port=$(free_port)
  mkdir -p "$work/glusterfs.below"
  cat >"$work/server.vol" <<V
volume posix
  type storage/posix
  option directory $work/glusterfs.below
end-volume
volume locks
  type features/locks
  subvolumes posix
end-volume
volume brick
  type performance/io-threads
  option thread-count 4
  subvolumes locks
end-volume
volume server
  type protocol/server
  option transport-type tcp
  option transport.socket.listen-port $port
  option transport.socket.bind-address 127.0.0.1
  option auth.addr.brick.allow *
  subvolumes brick
end-volume
V
  cat >"$work/client.vol" <<V
volume client
  type protocol/client
  option transport-type tcp
  option remote-host 127.0.0.1
  option remote-port $port
  option remote-subvolume brick
end-volume
volume write-behind
  type performance/write-behind
  subvolumes client
end-volume
volume quick-read
  type performance/quick-read
  subvolumes write-behind
end-volume
volume md-cache
  type performance/md-cache
  subvolumes quick-read
end-volume
V
  glusterfsd -N -f "$work/server.vol" -l "$work/server.log" &
  server=$!
  pids_of[glusterfs.server]=$server
  sleep 1
  run_peer glusterfs glusterfs -N -f "$work/client.vol" -l "$work/client.log" --attribute-timeout=60 \
    --entry-timeout=60 "$work/glusterfs" || return 1
  pids_of[glusterfs]=${pids_of[glusterfs]}+$server
}

end_peers() {
  local name pid
  for name in kvfs memfs passthrough gocryptfs rclone glusterfs; do
    if mountpoint -q "$work/$name"; then fusermount3 -u "$work/$name" || umount -l "$work/$name"; fi
  done
  for name in "${!pids_of[@]}"; do
    for pid in ${pids_of[$name]//+/ }; do kill "$pid" 2>/dev/null || true; done
  done
  wait
}
