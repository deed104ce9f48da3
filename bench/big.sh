#!/usr/bin/env bash
# The peak memory of linger get while it fetches one large body from loopback.
# Linux: reads VmHWM. usage: bench/big.sh [GIB]
set -euo pipefail
cd "$(dirname "$0")/.."
gib=${1:-10}
dir=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$dir"' EXIT

go build -o "$dir/linger" ./cmd/linger
mkdir "$dir/site"
truncate -s "${gib}G" "$dir/site/big.bin" # a hole: takes no disk
"$dir/linger" serve --addr 127.0.0.1:0 --site "$dir/site" >"$dir/serving" &
server=$!
until grep -q ' at ' "$dir/serving"; do kill -0 "$server"; sleep 0.05; done
url=$(sed -n 's/^serving .* at //p' "$dir/serving")

"$dir/linger" get "$url" >"$dir/out" 2>/dev/null &
client=$!
peak=0
while line=$(grep VmHWM "/proc/$client/status" 2>/dev/null); do
  peak=$(awk '{print $2}' <<<"$line")
  sleep 0.05
done
wait "$client"
grep -E 'exchange in|received' "$dir/out"
awk -v p="$peak" 'BEGIN {printf "peak memory %.1f MiB   (bar: below 64)\n", p/1024}'
