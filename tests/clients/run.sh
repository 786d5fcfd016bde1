#!/bin/sh
# run.sh SOURCES DIR TEST: runs one test file of these clients, with their packages installed in DIR as package-lock.json says.
# Without npm, the registry or Chromium it fails.
set -eu
sources=$1 dir=$2 file=$3
command -v node > /dev/null && command -v npm > /dev/null || { echo "Bail out! node and npm are needed (contrib/packages.txt)"; exit 1; }
mkdir -p "$dir"
exec 9> "$dir/.lock"
flock 9  # one test installs, the others wait
cp "$sources"/*.mjs "$sources/package.json" "$sources/package-lock.json" "$dir"
if ! cmp -s "$dir/package-lock.json" "$dir/.installed"; then
  for attempt in 1 2 3; do
    if (cd "$dir" && npm ci --no-audit --no-fund --ignore-scripts) > "$dir/npm.log" 2>&1; then
      cp "$dir/package-lock.json" "$dir/.installed"
      break
    fi
  done
  cmp -s "$dir/package-lock.json" "$dir/.installed" || {
    sed 's/^/# /' "$dir/npm.log"
    echo "Bail out! npm ci cannot install the clients"
    exit 1
  }
fi
flock -u 9
exec node --test-reporter=tap "$dir/$file"
