package report_test

import (
	"os"

	"github.com/lingerhttp/linger/report"
)

func ExampleComparison_WriteText() {
	c := report.Comparison{
		Site: "classic", Rounds: 10, Verdict: "Fewer handshakes decided.",
		Rows: []report.Row{
			{Strategy: "serial", Time: report.Interval{Median: 2710, Low: 2630, High: 2820}, Ratio: 1, LayoutKnown: 2170,
				Connections: 42, BytesReceived: 138_400, HandshakeShare: 0.31},
			{Strategy: "pipelined", Time: report.Interval{Median: 502, Low: 490, High: 512}, Ratio: 0.19, Differs: true, LayoutKnown: 402,
				Connections: 1, BytesReceived: 138_400, HandshakeShare: 0.01, QueueShare: 0.25},
		},
	}
	c.WriteText(os.Stdout, report.Terminal{})
	// Output:
	// classic, 10 rounds
	// strategy   median     ±  ratio  layout conns   bytes shake queue
	// serial     2.71 s   4 %      1  2.17 s    42  138 kB  31 %   0 % ███████████████
	// pipelined  502 ms   2 %   0.19  402 ms     1  138 kB   1 %  25 % ██▊
	// ratio: to the first, ~ where the difference is not significant; shake, queue:
	// share of all exchanges' time in handshakes and in waiting for a connection
	//
	// Fewer handshakes decided.
}
