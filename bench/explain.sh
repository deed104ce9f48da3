#!/usr/bin/env bash
# linger explain against tshark's HTTP statistics on the same made-up captures, in turn,
# each with one CPU's worth of Go; and the peak memory of linger explain while a large
# capture is piped in. Needs tshark, GNU time, and 1 GB in TMPDIR.
# usage: bench/explain.sh [ROUNDS [GIB]]
set -euo pipefail
cd "$(dirname "$0")"
rounds=${1:-5} gib=${2:-4}
for tool in tshark /usr/bin/time; do
  command -v $tool >/dev/null || { echo "bench/explain.sh needs $tool: apt-get install tshark time" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/capture" ./capture
(cd .. && go build -o "$dir/linger" ./cmd/linger)
missed=()

# measured FILE COMMAND appends seconds of wall time and of CPU, and KiB of peak memory.
measured() { local to=$1; shift; /usr/bin/time -a -o "$to" -f '%e %U %S %M' "$@" >"$dir/out" 2>/dev/null; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
calc() { awk "BEGIN {printf \"%.${2:-2}f\", $1}"; }

# row WHAT MEASURED BAR CONDITION prints a line; a CONDITION that does not hold (of awk;
# empty for none) is a bar that was missed.
row() {
  local verdict=
  if [ -n "$4" ]; then
    verdict=met
    awk "BEGIN {exit !($4)}" || { verdict=missed; missed+=("$1: $2, the bar is $3"); }
  fi
  printf '%-40s %-34s %-26s %s\n' "$1" "$2" "$3" "$verdict"
}

# speed WHAT BAR FLAGS lets linger explain read a capture of a million packets.
speed() {
  local what=$1 bar=$2 n=1000000 wall
  shift 2
  "$dir/capture" -packets $n "$@" >"$dir/made.pcap"
  rm -f "$dir/linger.t"
  for _ in $(seq "$rounds"); do
    measured "$dir/linger.t" env GOMAXPROCS=1 "$dir/linger" explain "$dir/made.pcap"
  done
  wall=$(awk -v n=$n '{print n / $1}' "$dir/linger.t" | median)
  row "$what: packets/s" "$(calc "$wall / 1e6") million" "${bar:+at least 1 million}" "${bar:+$wall >= 1e6}"
  row "  a second of CPU" "$(calc "$(awk -v n=$n '{print n / ($2 + $3)}' "$dir/linger.t" | median) / 1e6") million" "" ""
  row "  peak memory" "$(calc "$(awk '{print $4}' "$dir/linger.t" | median) / 1024" 0) MiB" "" ""
}

# compare BAR FLAGS lets both read a capture of fewer packets, in turn: tshark's time for
# each packet grows with the capture.
compare() {
  local bar=$1 n=200000 ratio
  shift
  "$dir/capture" -packets $n "$@" >"$dir/made.pcap"
  rm -f "$dir/linger.t" "$dir/tshark.t"
  for _ in $(seq "$rounds"); do
    measured "$dir/linger.t" env GOMAXPROCS=1 "$dir/linger" explain "$dir/made.pcap"
    measured "$dir/tshark.t" tshark -r "$dir/made.pcap" -q -z http,stat,
  done
  paste -d' ' "$dir/linger.t" "$dir/tshark.t" >"$dir/both"
  ratio=$(awk '{print $5 / $1}' "$dir/both" | median)
  row "  $n packets against tshark" "$(calc "$ratio" 1) ×" "${bar:+at least 10 ×}" "${bar:+$ratio >= 10}"
  row "  by CPU" "$(calc "$(awk '{print ($6 + $7) / ($2 + $3)}' "$dir/both" | median)" 1) ×" "" ""
  row "  tshark, packets/s" "$(calc "$(awk -v n=$n '{print n / $5}' "$dir/both" | median) / 1e6" 3) million" "" ""
}

# memory WHAT FLAGS pipes a large capture in.
memory() {
  local what=$1 peak
  shift
  rm -f "$dir/memory.t"
  "$dir/capture" -packets 1000000000 -bytes $((gib << 30)) "$@" | measured "$dir/memory.t" "$dir/linger" explain -
  peak=$(awk '{print $4}' "$dir/memory.t")
  row "$what" "$(calc "$peak / 1024" 0) MiB, $(awk '{print $1}' "$dir/memory.t") s" "below 512 MiB" "$peak < 524288"
}

row "" measured bar ""
speed "4 connections, 1 to 50 MiB" bar
compare bar
speed "8 connections, 200 B to 20 kB" "" -clients 8 -exchanges 50 -least 200 -most 20000
compare "" -clients 8 -exchanges 50 -least 200 -most 20000
echo
echo "peak memory, $gib GiB through a pipe:"
memory "  4 connections, 1 to 50 MiB"
memory "  one response" -clients 1 -exchanges 1 -least $((gib << 30)) -most $((gib << 30))
memory "  300 connections, 1 to 30 MB" -clients 300 -exchanges 3 -least 1000000 -most 30000000
memory "  1,000 at once, one of 10 kB on each" -clients 1000 -exchanges 1 -least 10000 -most 10000
echo
echo "$rounds rounds, medians; load $(cut -d' ' -f1 /proc/loadavg), $(nproc) CPUs, $(tshark --version 2>/dev/null | sed -n '1s| (Git.*||p'), Linux $(uname -r), $SECONDS s"
if [ ${#missed[@]} = 0 ]; then echo "every bar was met"; else printf 'missed  %s\n' "${missed[@]}"; fi
