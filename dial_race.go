package linger

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// Connecting to the first of several addresses that answers: RFC 8305 §5.

const (
	// attemptDelay is how long an attempt goes alone before the next address is
	// tried beside it: "a simple implementation can have a fixed delay … a
	// recommended value is 250 milliseconds" — RFC 8305 §5.
	attemptDelay = 250 * time.Millisecond

	defaultBackupDelay = 250 * time.Millisecond
)

// An attempt is what becomes of dialling one address.
type attempt struct {
	addr       netip.AddrPort
	again      bool // it is beside another one to the same address
	doubled    bool // another one is beside it
	start, end time.Time
	conn       net.Conn
	err        error
}

type dialFunc func(context.Context, netip.AddrPort) (net.Conn, error)

// A race dials addresses one after the other, the next when the one before has
// failed or has taken attemptDelay. When none is left, an attempt that has taken
// backup gets a second one beside it, to the same address.
type race struct {
	dial   dialFunc
	backup time.Duration
	wg     *sync.WaitGroup // counts the attempts' goroutines, which may outlive the race

	order   []netip.AddrPort // not tried yet
	pending []*attempt       // under way, in the order of their beginnings
	ended   []*attempt

	done chan *attempt // an attempt that has ended
	over chan struct{} // closed with the race: nobody receives from done any more
}

// run returns the attempt that won, nil if all have failed. Those it does not
// need any more are abandoned at once.
func (r *race) run(ctx context.Context) *attempt {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.done, r.over = make(chan *attempt), make(chan struct{})
	defer close(r.over)
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			next.Reset(r.begin(ctx))
		case a := <-r.done:
			r.end(a)
			switch {
			case a.conn != nil:
				return a
			case len(r.order) > 0 && ctx.Err() == nil:
				next.Reset(0)
			case len(r.pending) == 0:
				return nil
			}
		}
	}
}

// begin begins the next attempt, if there is one to make, and returns how long to
// wait for it.
func (r *race) begin(ctx context.Context) time.Duration {
	if ctx.Err() != nil && len(r.ended)+len(r.pending) > 0 {
		return forever
	}
	a := r.next(time.Now())
	if a == nil {
		return forever
	}
	r.pending = append(r.pending, a)
	r.wg.Add(1)
	go r.attempt(ctx, a)
	if len(r.order) > 0 {
		return attemptDelay
	}
	return r.backup
}

// next is the attempt to make next: to another address, or else beside the oldest
// one that goes alone.
func (r *race) next(now time.Time) *attempt {
	if len(r.order) > 0 {
		a := &attempt{addr: r.order[0], start: now}
		r.order = r.order[1:]
		return a
	}
	for _, p := range r.pending {
		if !p.again && !p.doubled && r.backup != forever {
			p.doubled = true
			return &attempt{addr: p.addr, again: true, start: now}
		}
	}
	return nil
}

// attempt dials one address. What comes too late is closed.
func (r *race) attempt(ctx context.Context, a *attempt) {
	defer r.wg.Done()
	conn, err := r.dial(ctx, a.addr)
	a.conn, a.err = conn, err
	select {
	case r.done <- a:
	case <-r.over:
		if conn != nil {
			conn.Close()
		}
	}
}

// end takes in that an attempt has ended.
func (r *race) end(a *attempt) {
	a.end = time.Now()
	r.ended = append(r.ended, a)
	r.pending = slices.DeleteFunc(r.pending, func(p *attempt) bool { return p == a })
}

// spans tells the attempts in the order of their ends, those that were abandoned
// at now last.
func (r *race) spans(now time.Time) []dialSpan {
	var all []dialSpan
	for _, a := range r.ended {
		all = append(all, a.span())
	}
	for _, a := range r.pending {
		s := attemptSpan(a.String(), a.start, now, nil)
		s.note += ": no longer needed"
		all = append(all, s)
	}
	return all
}

// laggards are the addresses that failed, or had time enough to answer first.
func (r *race) laggards(won *attempt, now time.Time) []netip.AddrPort {
	var late []netip.AddrPort
	for _, a := range r.ended {
		if a.addr != won.addr {
			late = append(late, a.addr)
		}
	}
	for _, a := range r.pending {
		if a.addr != won.addr && now.Sub(a.start) >= attemptDelay {
			late = append(late, a.addr)
		}
	}
	return late
}

// failure makes one error of the attempts' errors: the first decides what it is,
// all are told.
func (r *race) failure() *dialError {
	e := &dialError{step: timeline.Connect, err: r.ended[0].err}
	for _, a := range r.ended {
		e.tried = append(e.tried, a.span().note)
	}
	return e
}

// String names the attempt: its address.
func (a *attempt) String() string {
	if a.again {
		return a.addr.String() + " again"
	}
	return a.addr.String()
}

func (a *attempt) span() dialSpan { return attemptSpan(a.String(), a.start, a.end, a.err) }

func attemptSpan(addr string, start, end time.Time, err error) dialSpan {
	s := dialSpan{phase: timeline.Connect, cause: timeline.Handshake, start: start, end: end, note: addr}
	switch {
	case errors.Is(err, context.Canceled):
		s.note += ": no longer needed"
	case err != nil:
		s.note += ": " + plain(err)
	}
	return s
}
