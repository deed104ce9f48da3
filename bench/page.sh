#!/usr/bin/env bash
# The modern site on loopback: linger get with persistent6 against
# curl --parallel --parallel-max 6 with the same list of URLs, in turn.
# usage: bench/page.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-31}
dir=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$dir"' EXIT

go build -o "$dir/linger" ./cmd/linger
"$dir/linger" serve --addr 127.0.0.1:0 >"$dir/serving" &
server=$!
until grep -q ' at ' "$dir/serving"; do kill -0 "$server"; sleep 0.05; done
url=$(sed -n 's/^serving .* at //p' "$dir/serving")

"$dir/linger" get --json "$url" 2>/dev/null |
  sed -n 's/^ *"url": "\(.*\)",*$/\1/p' | sort -u | grep -v '^$' >"$dir/urls"
sed 's/.*/url = "&"\noutput = "\/dev\/null"/' "$dir/urls" >"$dir/curlrc"
count=$(wc -l <"$dir/urls")

milliseconds() { # runs a command, prints how long it took
  local begun=$EPOCHREALTIME
  "$@" >/dev/null 2>&1
  local ended=$EPOCHREALTIME
  echo $(((${ended/[.,]/} - ${begun/[.,]/}))) | awk '{print $1/1000}'
}
median() { sort -n "$1" | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }

for _ in $(seq "$rounds"); do
  milliseconds "$dir/linger" get --strategy persistent6 "$url" >>"$dir/linger.ms"
  milliseconds curl --http1.1 --compressed --parallel --parallel-max 6 --silent --config "$dir/curlrc" >>"$dir/curl.ms"
done
l=$(median "$dir/linger.ms") c=$(median "$dir/curl.ms")
echo "$count URLs, $rounds rounds, whole processes, medians:"
awk -v l="$l" -v c="$c" 'BEGIN {printf "linger get  %7.1f ms\ncurl        %7.1f ms\nratio       %7.2f   (bar: at most 1.25)\n", l, c, l/c}'
