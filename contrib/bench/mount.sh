#!/usr/bin/env bash
# Measures the mount beside memfs (the limit of FUSE), the local file system, libfuse's passthrough_ll over it, and, as far
# as they are installed, rclone, gocryptfs and GlusterFS with one brick; interleaved, medians, CPU time of the daemons.
#   ops:   operations on files of 100 bytes in one directory, and a file of 64 MiB
#   trees: rsync -a of many files of 1-8 KB, again, find, du, tar, grep, rm -r
#   big:   a million names in a directory, 100 GiB sparse, 4 GiB dense, 64 writers: kvfs alone
# Needs root and a release build. usage: contrib/bench/mount.sh [-b BUILD] [-r ROUNDS] [-n FILES] [-t THREADS]
#   [-f TREE_FILES] [-d TREE_DIRECTORIES] [-p "PEER ..."] [-N NAMES] [ops|trees|big]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=build rounds=5 files=2000 threads=1 tree_files=20000 tree_directories=200 names=1000000
peers="memfs kvfs kvfs_uring local passthrough gocryptfs rclone glusterfs"
while getopts b:r:n:t:f:d:p:N: option; do
  case $option in
    b) build=$OPTARG ;; r) rounds=$OPTARG ;; n) files=$OPTARG ;; t) threads=$OPTARG ;; f) tree_files=$OPTARG ;;
    d) tree_directories=$OPTARG ;; p) peers=$OPTARG ;; N) names=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
what=${1:-all}
kvfs=${KVFS_EXE:-$build/kvfs}
work=$(mktemp -d "${TMPDIR:-/tmp}/kvfs-bench-XXXXXX")
. contrib/bench/lib.sh
# shellcheck source=contrib/bench/peers.sh
source contrib/bench/peers.sh

clean_up() {
  end_peers 2>/dev/null
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

started=()
for peer in $peers; do
  if "start_$peer"; then started+=("$peer"); else echo "$peer is not installed: left out" >&2; fi
done

measure_ops() {
  local targets=() peer
  for peer in "${started[@]}"; do
    targets+=("$peer=${directory_of[$peer]}${pids_of[$peer]:+@${pids_of[$peer]}}")
  done
  echo "## Files of 100 bytes, $threads thread(s), $files files, medians of $rounds rounds"
  echo
  "$build/tests/bench/fs_bench" -n "$files" -r "$rounds" -t "$threads" "${targets[@]}"
  echo
}

make_tree() {
  python3 - "$work/tree" "$tree_files" "$tree_directories" <<'P'
import os, random, sys
root, files, directories = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chosen = random.Random(1)
words = ["".join(chosen.choices("abcdefghijklmnopqrstuvwxyz", k=chosen.randint(3, 9))) for _ in range(2000)]
for i in range(files):
    directory = f"{root}/d{i % directories:03d}"
    if i < directories:
        os.makedirs(directory)
    length, text = chosen.randint(1024, 8192), ""
    while len(text) < length:
        text += " ".join(chosen.choices(words, k=12)) + "\n"
    with open(f"{directory}/f{i:05d}.txt", "w") as out:
        out.write(text[:length])
P
}

# timed PEER PHASE COMMAND: seconds and daemon CPU seconds into $work/times
timed() {
  local begin end cpu=0 ticks=0
  [ -z "${pids_of[$1]}" ] || ticks=$(cpu_ticks "${pids_of[$1]}")
  begin=$(date +%s%N)
  bash -o pipefail -c "$3" >"$work/out" 2>&1 || { echo "$1: $2 fails: $(tail -1 "$work/out")" >&2; return; }
  end=$(date +%s%N)
  [ -z "${pids_of[$1]}" ] || cpu=$(($(cpu_ticks "${pids_of[$1]}") - ticks))
  echo "$2|$1|$((end - begin))|$cpu" >>"$work/times"
}

tree_round() { # PEER
  local at=${directory_of[$1]}/tree cold="echo 2 > /proc/sys/vm/drop_caches"
  timed "$1" "rsync -a" "rsync -a $work/tree/ $at/"
  timed "$1" "rsync -a, idle" "rsync -a $work/tree/ $at/"
  timed "$1" "find" "find $at -type f"
  timed "$1" "du -s" "du -s $at"
  timed "$1" "tar c" "tar c -C $at . | wc -c"
  timed "$1" "grep -r" "grep -r zzzzzz $at; true"
  bash -c "$cold"
  timed "$1" "find, cold" "find $at -type f"
  bash -c "$cold"
  timed "$1" "du -s, cold" "du -s $at"
  bash -c "$cold"
  timed "$1" "grep -r, cold" "grep -r zzzzzz $at; true"
  [ "$2" != 1 ] || diff -rq "$work/tree" "$at" >&2 || echo "$1: the copy differs" >&2
  timed "$1" "rm -r" "rm -r $at"
}

measure_trees() {
  local round peer
  make_tree
  for round in $(seq "$rounds"); do
    for peer in "${started[@]}"; do tree_round "$peer" "$round"; done
  done
  echo "## A tree of $tree_files files of 1-8 KB in $tree_directories directories, medians of $rounds rounds"
  echo
  python3 - "$work/times" "$tree_files" "${started[@]}" <<'P'
import statistics, sys
files, peers = int(sys.argv[2]), sys.argv[3:]
runs = {}
for line in open(sys.argv[1]):
    phase, peer, ns, ticks = line.rstrip("\n").split("|")
    runs.setdefault(phase, {}).setdefault(peer, []).append((int(ns) / 1e9, int(ticks) / 100))
print("| | " + " | ".join(f"{peer} files/s (CPU us), x" for peer in peers) + " |")
print("|---|" + "---:|" * len(peers))
for phase, of_peer in runs.items():
    cells, first = [], None
    for peer in peers:
        if peer not in of_peer:
            cells.append("")
            continue
        rate = files / statistics.median(run[0] for run in of_peer[peer])
        cpu = statistics.median(run[1] for run in of_peer[peer]) / files * 1e6
        first = first or rate
        cells.append(f"{rate:.0f} ({cpu:.0f}), {rate / first:.2f}")
    print(f"| {phase} | " + " | ".join(cells) + " |")
P
  echo
}

if [ "$what" = all ] || [ "$what" = ops ]; then measure_ops; fi
if [ "$what" = all ] || [ "$what" = trees ]; then measure_trees; fi
if [ "$what" = all ] || [ "$what" = big ]; then
  contrib/bench/big.py "${directory_of[kvfs]}" "${pids_of[kvfs]}" "$names"
fi
