package repro

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
)

var pipelining1997 = Experiment{
	Name:   "pipelining-1997",
	Claim:  "pipelining saves at least half the packets, up to nine in ten, and beats four connections",
	Source: `Henrik Frystyk Nielsen et al., "Network Performance Effects of HTTP/1.1, CSS1, and PNG", SIGCOMM '97`,
	Takes:  "1 min",
	run:    runPipelining,
}

// An environment is a network of the paper.
type environment struct {
	name   string
	rtt    time.Duration
	rate   link.Rate
	queue  int // packets; 0 means linger's default
	rounds int // how often each visit is made
}

// The paper names the LAN's rate and both figures of PPP; of the WAN it names the RTT
// alone: the rate is ours, that of a T1 line.
var (
	lan1997 = environment{name: "LAN", rtt: 800 * time.Microsecond, rate: 10_000_000, rounds: 5}
	wan1997 = environment{name: "WAN", rtt: 90 * time.Millisecond, rate: 1_544_000, rounds: 3}
	ppp1997 = environment{name: "PPP", rtt: 150 * time.Millisecond, rate: 28_800, queue: 20, rounds: 1}
)

// protocols1997 are the ways of the paper's robot.
var protocols1997 = []linger.Strategy{
	{Name: "HTTP/1.0, 4 conns", Conns: 4, Exchanges: 1, Protocol: linger.HTTP10},
	{Name: "HTTP/1.1 persistent", Conns: 1, Depth: 1, Protocol: linger.HTTP11},
	{Name: "HTTP/1.1 pipelined", Conns: 1, Depth: 64, Protocol: linger.HTTP11},
}

// buffer1997 makes for a receive window of 16 KiB, which is half of the buffer.
const buffer1997 = 32 << 10

const (
	parallel1997 = iota
	persistent1997
	pipelined1997
)

const (
	firstVisit = iota
	validation
)

// measured1997 is what an environment brought: by protocol and kind of visit.
type measured1997 [3][2]visit

func runPipelining(ctx context.Context, r *Result) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	runs := []*run1997{lan1997.measure(ctx)}
	// The modem takes a minute for so few packets that others do not notice.
	modem := make(chan *run1997, 1)
	go ppp1997.measureBeside(ctx, modem)
	runs = append(runs, wan1997.measure(ctx))
	if err := errors.Join(runs[0].err, runs[1].err); err != nil {
		cancel()
		<-modem
		return err
	}
	runs = append(runs, <-modem)
	for _, run := range runs {
		if run.err != nil {
			return run.err
		}
		r.linked(run.environment.name, run.outcome)
		r.Tables = append(r.Tables, run.table())
	}
	judgePipelining(r, runs[0].visits, runs[1].visits, runs[2].visits)
	return nil
}

// A run1997 is all that was measured in one environment.
type run1997 struct {
	environment environment
	visits      measured1997
	outcome     outcome
	err         error
}

func (e environment) measureBeside(ctx context.Context, done chan<- *run1997) {
	done <- e.measure(ctx)
}

// measure makes each visit by each protocol.
func (e environment) measure(ctx context.Context) *run1997 {
	run := &run1997{environment: e}
	var cells []cell
	for p := range protocols1997 {
		for kind := range 2 {
			cells = append(cells, e.cell(protocols1997[p], kind, &run.visits[p][kind]))
		}
	}
	n := atOnce(e.rtt)
	if e.rounds == 1 {
		n = len(cells)
	}
	run.outcome, run.err = runAll(ctx, n, cells)
	return run
}

// cell is a lab in which one protocol makes one kind of visit. The kernels are set as
// near to those of the time as Linux can be.
func (e environment) cell(s linger.Strategy, kind int, into *visit) cell {
	way := link.Config{Delay: e.rtt / 2, RTT: e.rtt, Rate: e.rate, Queue: link.Queue{Packets: e.queue}}
	kernel := lab.Kernel{Congestion: "reno", InitialWindow: 2, MSS: 1460, NoTimestamps: true, NoSACK: true, ReceiveBuffer: buffer1997}
	measure := func(ctx context.Context, st *stage) error {
		var visits []visit
		for round := range e.rounds {
			v, err := st.visit(ctx, s, uint64(round+1), func(t *linger.Transport) error {
				if kind == validation {
					return microscape().validate(ctx, t)
				}
				return microscape().load(ctx, t)
			})
			if err != nil {
				return fmt.Errorf("%s, %s: %w", e.name, s.Name, err)
			}
			visits = append(visits, v)
		}
		*into = medianVisit(visits)
		return nil
	}
	return cell{
		lab:     lab.Config{Up: way, Down: way, Client: kernel, Server: kernel, Bound: bound(e.rtt)},
		server:  plainServer{answer: microscape().answer, together: true},
		measure: measure,
		once:    e.rounds == 1,
	}
}

// table is laid out as the paper's.
func (run *run1997) table() Table {
	e := run.environment
	t := Table{
		Title:  fmt.Sprintf("%s: %v, RTT %v; first visit, and validation of the cache", e.name, e.rate, e.rtt),
		Labels: []string{""},
		Notes:  []string{"Pa: packets, Bytes: payload of TCP, %ov: share of headers"},
	}
	for range 2 {
		t.Columns = append(t.Columns, Column{"Pa", 0}, Column{"Bytes", 0}, Column{"Sec", 2}, Column{"%ov", 1})
	}
	for p, s := range protocols1997 {
		row := Row{Labels: []string{s.Name}}
		for _, v := range run.visits[p] {
			row.Values = append(row.Values, float64(v.packets), float64(v.payload), v.time.Seconds(), 100*v.overhead())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// judgePipelining holds the numbers against the paper's abstract: "a pipelined
// HTTP/1.1 implementation outperformed HTTP/1.0, even when the HTTP/1.0
// implementation used multiple connections in parallel, under all network
// environments tested. The savings were at least a factor of two, and sometimes as
// much as a factor of ten, in terms of packets transmitted."
func judgePipelining(r *Result, lan, wan, ppp measured1997) {
	for _, in := range []struct {
		name string
		m    measured1997
	}{{"LAN", lan}, {"WAN", wan}, {"PPP", ppp}} {
		r.atLeast(in.name+", first visit: packets, HTTP/1.0 over pipelined", in.m.packets(parallel1997, firstVisit), 2)
		r.atLeast(in.name+", validation: packets, HTTP/1.0 over pipelined", in.m.packets(parallel1997, validation), 5)
		r.atLeast(in.name+", first visit: packets, persistent over pipelined", in.m.packets(persistent1997, firstVisit), 1)
		r.atLeast(in.name+", validation: packets, persistent over pipelined", in.m.packets(persistent1997, validation), 1.5)
		overheads := in.m[parallel1997][validation].overhead() / in.m[pipelined1997][validation].overhead()
		r.atLeast(in.name+", validation: share of headers, HTTP/1.0 over pipelined", overheads, 2)
		r.atLeast(in.name+", validation: time, HTTP/1.0 over pipelined", in.m.time(parallel1997, validation), 1.1)
	}
	r.atLeast("WAN, first visit: time, HTTP/1.0 over pipelined", wan.time(parallel1997, firstVisit), 1.2)
	for kind, name := range []string{"first visit", "validation"} {
		slower := wan.time(persistent1997, kind) / wan.time(parallel1997, kind)
		r.atLeast("WAN, "+name+": time, persistent over HTTP/1.0", slower, 1.2)
	}
	r.atLeast("PPP, first visit: time, HTTP/1.0 over pipelined", ppp.time(parallel1997, firstVisit), 1)
	r.within("PPP, first visit: time, persistent over pipelined", ppp.time(persistent1997, firstVisit), 1, 1.6)
	r.atLeast("PPP, validation: time, persistent over pipelined", ppp.time(persistent1997, validation), 1.5)
}

// packets is how many times as many a protocol takes as pipelining.
func (m measured1997) packets(protocol, kind int) float64 {
	return float64(m[protocol][kind].packets) / float64(m[pipelined1997][kind].packets)
}

// time is how many times as much a protocol takes as pipelining.
func (m measured1997) time(protocol, kind int) float64 {
	return m[protocol][kind].time.Seconds() / m[pipelined1997][kind].time.Seconds()
}
