package main

import "fmt"

// A wire is what a scenario's exchanges go over.
type wire string

const (
	http1Plain wire = "http1"     // HTTP/1.1 in clear
	http1TLS   wire = "http1-tls" // HTTP/1.1 over TLS
	http2Plain wire = "http2"     // HTTP/2 in clear, with prior knowledge
	http2TLS   wire = "http2-tls" // HTTP/2 over TLS, by ALPN
)

func wires() []wire { return []wire{http1Plain, http1TLS, http2Plain, http2TLS} }

func (w wire) multiplexed() bool { return w == http2Plain || w == http2TLS }
func (w wire) encrypted() bool   { return w == http1TLS || w == http2TLS }

func (w wire) scheme() string {
	if w.encrypted() {
		return "https"
	}
	return "http"
}

// A kind of scenario decides what is measured.
type kind int

const (
	load      kind = iota // callers that send one request after the other
	pipelined             // the same, on one connection where the client can
	bulk                  // one large body after the other
	idle                  // connections that carry nothing
)

// A scenario is one line of work that each contender is put to.
type scenario struct {
	name      string
	wire      wire
	kind      kind
	callers   int
	upload    int   // bytes of the request's body; 0: a GET
	size      int64 // bytes of the answer's body
	conns     int   // of an idle scenario: how many
	maxRounds int   // 0: as many as asked for
}

// A scale says how large the large scenarios are; tests make them small.
type scale struct {
	bulkBytes int64
	idleConns int
}

func fullScale() scale { return scale{bulkBytes: 1 << 30, idleConns: 10_000} }

const manyCallers = 64

// scenarios returns all there are, in the order in which they run.
func scenarios(s scale) []scenario {
	var all []scenario
	for _, w := range wires() {
		for _, work := range []scenario{
			{name: "get100", size: 100},
			{name: "get10k", size: 10 << 10},
			{name: "post1k", upload: 1 << 10, size: 100},
		} {
			for _, callers := range []int{1, manyCallers} {
				sc := work
				sc.wire, sc.callers = w, callers
				sc.name = fmt.Sprintf("%s/%s/%d", w, work.name, callers)
				all = append(all, sc)
			}
		}
	}
	all = append(all, scenario{name: "http1/pipelined100/64", wire: http1Plain, kind: pipelined, callers: manyCallers, size: 100})
	for _, w := range []wire{http1Plain, http1TLS, http2TLS} {
		all = append(all, scenario{name: string(w) + "/bulk", wire: w, kind: bulk, callers: 1, size: s.bulkBytes})
	}
	return append(all, scenario{name: "http1/idle", wire: http1Plain, kind: idle, conns: s.idleConns, size: 100, maxRounds: 1})
}
