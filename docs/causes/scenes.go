package main

import (
	"time"

	"github.com/lingerhttp/linger/grade"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
)

// A scene is a scenario in which a cause can be seen.
type scene struct {
	name     string // the cause
	scenario grade.Scenario
	show     []int // exchanges that are drawn, one after the other

	// missed, if set, says which packets are not in the captures that are explained: the
	// n-th of data to the client, from 1.
	missed func(n int) bool
}

const ms = time.Millisecond

// get is an exchange with an answer of so many bytes.
func get(size int) grade.Plan { return grade.Plan{Size: size} }

// lose drops the n-th packet of a kind on the first connection.
func lose(kind link.Kind, n ...int) []link.Drop {
	var all []link.Drop
	for _, i := range n {
		all = append(all, link.Drop{Conn: 1, Kind: kind, Nth: i})
	}
	return all
}

// many is an initial window that is no limit.
const many = 100

// scenes are in the order of the text.
func scenes() []scene {
	var all []scene
	for _, list := range [][]scene{before(), theWay(), theServer(), theWindows(), small(), others()} {
		all = append(all, list...)
	}
	for i := range all {
		s := &all[i].scenario
		s.Number, s.Seed, s.AtOnce = i+1, 1, max(1, s.AtOnce)
	}
	return all
}

// before is what comes before the first byte.
func before() []scene {
	return []scene{
		{"queue", grade.Scenario{RTT: 40 * ms, Strategy: "persistent", AtOnce: 3, Plans: []grade.Plan{
			get(2000), {Size: 2000, Think: 20 * ms}, get(2000)}}, []int{3}, nil},
		{"dns", grade.Scenario{RTT: 40 * ms, Strategy: "serial", DNS: true, Plans: []grade.Plan{get(2000)}}, []int{1}, nil},
		{"handshake", grade.Scenario{RTT: 40 * ms, Strategy: "serial", Plans: []grade.Plan{get(2000), get(2000)}}, []int{1, 2}, nil},
		{"syn-retry", grade.Scenario{RTT: 100 * ms, Strategy: "serial", DropUp: lose(link.SYN, 1), Plans: []grade.Plan{get(2000)}}, []int{1}, nil},
		{"tls", grade.Scenario{RTT: 40 * ms, Strategy: "serial", TLS: true, KeyLog: true, Plans: []grade.Plan{get(2000)}}, []int{1}, nil},
	}
}

// theWay is what the network takes.
func theWay() []scene {
	return []scene{
		{"propagation", grade.Scenario{RTT: 120 * ms, Strategy: "persistent", Plans: []grade.Plan{get(2000), get(2000)}}, []int{1, 2}, nil},
		{"transfer", grade.Scenario{RTT: 20 * ms, Rate: 5e6, Strategy: "persistent", Server: lab.Kernel{InitialWindow: many},
			Plans: []grade.Plan{get(40e3)}}, []int{1}, nil},
		{"queueing", grade.Scenario{RTT: 20 * ms, Rate: 5e6, Strategy: "persistent6", AtOnce: 3, Server: lab.Kernel{InitialWindow: many},
			Plans: []grade.Plan{get(25e3), get(25e3), get(10e3)}}, []int{3}, nil},
		{"loss", grade.Scenario{RTT: 40 * ms, Strategy: "persistent", DropDown: lose(link.Data, 5, 21),
			Plans: []grade.Plan{get(14e3), get(14e3)}}, []int{1, 2}, nil},
	}
}

// theServer is what its program takes, and the client's.
func theServer() []scene {
	return []scene{
		{"server", grade.Scenario{RTT: 20 * ms, Strategy: "persistent", Plans: []grade.Plan{{Size: 2000, Think: 60 * ms}}}, []int{1}, nil},
		{"stall", grade.Scenario{RTT: 20 * ms, Strategy: "persistent", Plans: []grade.Plan{{Size: 9000, Pieces: 3, Stall: 40 * ms}}}, []int{1}, nil},
		{"client", grade.Scenario{RTT: 20 * ms, Strategy: "persistent", Client: lab.Kernel{ReceiveBuffer: 16 << 10},
			Plans: []grade.Plan{{Size: 40e3, ReadSize: 8 << 10, ReadPause: 40 * ms}}}, []int{1}, nil},
	}
}

// theWindows are those of TCP.
func theWindows() []scene {
	return []scene{
		{"slow-start", grade.Scenario{RTT: 60 * ms, Strategy: "persistent", Server: lab.Kernel{InitialWindow: 2, Congestion: "reno"},
			Plans: []grade.Plan{get(40e3)}}, []int{1}, nil},
		{"congestion", grade.Scenario{RTT: 60 * ms, Strategy: "persistent", Server: lab.Kernel{Congestion: "reno"}, DropDown: lose(link.Data, 3),
			Plans: []grade.Plan{get(14e3), get(40e3)}}, []int{1, 2}, nil},
		{"receive-window", grade.Scenario{RTT: 60 * ms, Strategy: "persistent", Client: lab.Kernel{ReceiveBuffer: 16 << 10}, Server: lab.Kernel{InitialWindow: many},
			Plans: []grade.Plan{get(40e3)}}, []int{1}, nil},
	}
}

// small is what small segments wait for. The kernel delays no ACK at the beginning of a
// connection.
func small() []scene {
	plans := make([]grade.Plan, 12)
	for i := range plans {
		plans[i] = get(600)
	}
	talk := grade.Scenario{RTT: 20 * ms, Strategy: "persistent", Nagle: true, Apart: true, Plans: plans}
	prompt := talk
	prompt.Client.QuickACK = true
	return []scene{{"nagle", prompt, []int{11, 12}, nil}, {"delayed-ack", talk, []int{11, 12}, nil}}
}

// others is what is none of these.
func others() []scene {
	return []scene{
		{"head-of-line", grade.Scenario{RTT: 40 * ms, Strategy: "pipelined", AtOnce: 2, Plans: []grade.Plan{
			{Size: 3000, Think: 80 * ms}, {Size: 3000, Gap: 60 * ms}}}, []int{2}, nil},
		{"unknown", grade.Scenario{RTT: 60 * ms, Strategy: "persistent", Server: lab.Kernel{InitialWindow: 2, Congestion: "reno"},
			Plans: []grade.Plan{get(40e3)}}, []int{1}, func(n int) bool { return n > 3 && n < 15 }},
	}
}
