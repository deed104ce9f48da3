#!/usr/bin/env bash
# The emulated link, measured with tools that know nothing of it: ping, iperf3 and
# ss. Prints plan against measured, and which bars were missed. Needs root; takes 2
# minutes, in which nothing else should run.
# usage: bench/lab.sh
set -euo pipefail
cd "$(dirname "$0")"
[ "$(id -u)" = 0 ] || { echo "bench/lab.sh needs root: it makes network namespaces." >&2; exit 1; }
for tool in ping iperf3 ss jq; do
  command -v $tool >/dev/null || { echo "bench/lab.sh needs $tool: apt-get install iputils-ping iperf3 iproute2 jq" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/probe" ./lab
(cd .. && go build -o "$dir/linger" ./cmd/linger)
missed=()

# inside [FLAGS] -- COMMAND runs it in a lab and leaves the certificate in cert.json.
inside() { timeout 60 "$dir/linger" lab --quiet --down unlimited --up unlimited --json "$dir/cert.json" "$@"; }
calc() { awk "BEGIN {printf \"%.${2:-2}f\", $1}"; }
certified() { jq -r ".certificate$1" "$dir/cert.json"; }
micro() { calc "$(certified "$1") / 1000" 0; }

# row WHAT PLAN MEASURED BAR CONDITION prints a line; a CONDITION that does not hold
# (of awk; empty for none) is a bar that was missed.
row() {
  local verdict=
  if [ -n "$5" ]; then
    verdict=met
    awk "BEGIN {exit !($5)}" || { verdict=missed; missed+=("$1: $3, the bar is $4"); }
  fi
  printf '%-38s %-16s %-26s %-24s %s\n' "$1" "$2" "$3" "$4" "$verdict"
}
steal() { awk '/^cpu / {print $9, $2+$3+$4+$5+$6+$7+$8+$9}' /proc/stat; }
read -r stolen all < <(steal)
row "" plan measured bar ""

# Delay without load. 84 bytes at 50 Mbit/s take 0.013 ms, each way. ping prints
# milliseconds in three digits, but their mean to the microsecond.
for wait in 1 20 100 300; do
  rtt=$(calc "$wait + 2 * 84 * 8 / 50e3" 3)
  inside --rtt ${wait}ms --down 50mbit --up 50mbit -- ping -4 -n -c 200 -i 0.01 origin >"$dir/ping"
  mean=$(sed -n 's|^rtt [^=]*= [^/]*/\([^/]*\)/.*|\1|p' "$dir/ping")
  p99=$(sed -n 's/.*time=\([0-9.]*\) ms/\1/p' "$dir/ping" | sort -n | sed -n 198p)
  row "ping, mean" "$rtt ms" "$mean ms" "at most +0.2 ms" "$mean <= $rtt + 0.2 && $mean >= $rtt"
  row "ping, p99" "$rtt ms" "$p99 ms" "at most +2 ms" "$p99 <= $rtt + 2"
done

# Rate: more datagrams than the link carries; what arrives in 10 s, with 28 bytes of
# headers for each 1448, is the rate. The receiver has a buffer for what its process
# is too late to read.
for rate in 1 10 50; do
  inside --rtt 20ms --down ${rate}mbit --up ${rate}mbit --server 'iperf3 -s -p 80 >/dev/null' -- \
    iperf3 -4 -c origin -p 80 -R -u -b "$(calc "$rate * 1.1" 1)M" -l 1448 -w 4M -O 1 -t 10 -J >"$dir/iperf"
  got=$(jq '[.intervals[].sum | select(.omitted | not)] | (map(.bytes) | add) * 8 * 1476 / 1448 / (map(.seconds) | add) / 1e6' "$dir/iperf")
  row "iperf3 -u, 10 s" "$rate Mbit/s" "$(calc "$got" 3) Mbit/s ($(calc "($got / $rate - 1) * 100" 3) %)" "within 0.5 %" "$got <= $rate * 1.005 && $got >= $rate * 0.995"
  row "  while busy, by the certificate" "$rate Mbit/s" "$(calc "$(certified .down.achieved_bps) / 1e6" 3) Mbit/s" "" ""
  row "  its packets, late at the median" "0 µs" "$(micro .down.lateness.p50_ns) µs" "at most 100 µs" "$(micro .down.lateness.p50_ns) <= 100"
  row "  its packets, late at p99" "0 µs" "$(micro .down.lateness.p99_ns) µs" "at most 1000 µs" "$(micro .down.lateness.p99_ns) <= 1000"
done

# TCP over a link with a rate, as its sender sees it.
for rate in 50 500; do
  inside --rtt 20ms --down ${rate}mbit --up ${rate}mbit --kernel cc=reno --server 'iperf3 -s -p 80 >/dev/null' -- \
    sh -c 'iperf3 -4 -c origin -p 80 -t 6 -O 2 -J & sleep 5; ss -tinH dport = 80 | tr "\n" " " | sed "s/ESTAB/\n&/g" >&2; wait' >"$dir/iperf" 2>"$dir/ss"
  got=$(jq '.end.sum_received.bits_per_second / 1e6' "$dir/iperf")
  plan=$(calc "$rate * 1448 / 1500")
  off=$(calc "($got / $plan - 1) * 100" 3)
  row "iperf3, TCP, 6 s" "$plan Mbit/s" "$(calc "$got") Mbit/s ($off %)" "within 0.5 %" "$off <= 0.5 && $off >= -0.5"
  flow=$(grep unacked "$dir/ss" | tail -1)
  of() { sed -n "s|.*[ ]$1:\([0-9.]*\).*|\1|p" <<<"$flow"; }
  row "  ss -ti: $(grep -o 'reno\|cubic\|bbr' <<<"$flow" | head -1), smallest RTT" "20 ms" "$(of minrtt) ms" "at most +0.5 ms" "$(of minrtt) >= 19.8 && $(of minrtt) <= 20.5"
  row "  ss -ti: RTT with a full queue" "20 to 40 ms" "$(of rtt) ms, cwnd $(of cwnd)" "" ""
done

# Without a rate. With a delay, one sender is held back by its own buffer (4 MiB,
# tcp_wmem); four are not.
for run in "0ms 1" "20ms 1" "20ms 4"; do
  read -r rtt flows <<<"$run"
  inside --rtt "$rtt" --server 'iperf3 -s -p 80 >/dev/null' -- iperf3 -4 -c origin -p 80 -R -P "$flows" -t 5 -J >"$dir/iperf"
  got=$(jq '.end.sum_received.bits_per_second / 1e9' "$dir/iperf")
  bar="at least 2" holds="$got >= 2"
  [ "$run" != "20ms 1" ] || bar="" holds=""
  row "no rate, RTT $rtt, $flows flow(s)" unlimited "$(calc "$got") Gbit/s" "$bar" "$holds"
done

# The same seed loses the same datagrams, another one others.
for i in 1 2 3; do
  inside --rtt 20ms --loss 0.01 --seed $((1 + i / 3)) --server "$dir/probe echo origin:80" -- "$dir/probe" lost 3000 origin:80 >"$dir/lost$i"
done
cmp -s "$dir/lost1" "$dir/lost2" && same=same || same=different
cmp -s "$dir/lost1" "$dir/lost3" && other=same || other=different
row "1 % of 3,000 datagrams, the same seed" "the same" "$same ($(wc -l <"$dir/lost1"))" "the same" "\"$same\" == \"same\""
row "  another seed" "others" "$other ($(wc -l <"$dir/lost3"))" "different" "\"$other\" == \"different\""

inside --rtt 20ms --server "$dir/probe echo origin:80" -- "$dir/probe" hold 2000 origin:80 >"$dir/hold" || true
read -r _ lived median slowest <"$dir/hold"
row "connections at once" 2000 "$lived" 2000 "$lived == 2000"
row "  their dials" "20 ms" "$median ms, slowest $slowest" "" ""

# Memory: 1 Gbit/s × 100 ms is 12.5 MB under way and as much in the queue.
inside --rtt 100ms --down 1gbit --up 1gbit --server 'iperf3 -s -p 80 >/dev/null' -- iperf3 -4 -c origin -p 80 -R -P 8 -t 8 -J >"$dir/iperf" &
job=$! most=0
while kill -0 $job 2>/dev/null; do
  for p in $(pgrep -f "^$dir/linger lab" || true); do
    kb=$(awk '/^VmHWM/ {print $2}' "/proc/$p/status" 2>/dev/null || true)
    [ "${kb:-0}" -le $most ] || most=$kb
  done
  sleep 0.2
done
wait $job
row "peak memory, 1 Gbit/s × 100 ms" "25 MB of packets" "$(calc "$most / 1024" 0) MiB" "at most 64 MiB" "$most <= 65536"

read -r stolen2 all2 < <(steal)
echo
echo "CPU steal $(calc "($stolen2 - $stolen) / ($all2 - $all) * 100" 1) %, $(nproc) CPUs, Linux $(uname -r), $SECONDS s"
if [ ${#missed[@]} = 0 ]; then echo "every bar was met"; else printf 'missed  %s\n' "${missed[@]}"; fi
