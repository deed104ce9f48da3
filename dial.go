package linger

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// Opening a connection: name → addresses → TCP → proxy → TLS, each with its span.
// The stages, in order:
//
//	resolve    name → addresses                    dial_address.go
//	race       addresses → TCP                     dial_race.go
//	through    TCP → tunnel through a proxy        dial_proxy.go
//	secure     → TLS                               dial_tls.go

const defaultDialTimeout = 30 * time.Second

// A dialRecord tells how a connection was opened, in spans of absolute time:
// which exchange it will belong to is not known while it is written.
type dialRecord struct{ spans []dialSpan }

type dialSpan struct {
	phase      timeline.Phase
	cause      timeline.Cause
	start, end time.Time
	note       string
	attempts   []dialSpan
}

func (r *dialRecord) add(s dialSpan) { r.spans = append(r.spans, s) }

// tell writes the record into an exchange, as far as it falls after what the
// exchange has recorded so far: the time before is the exchange's own.
func (r *dialRecord) tell(e *timeline.Exchange) {
	from := e.Start.Add(e.Spans[len(e.Spans)-1].Start)
	for _, s := range r.spans {
		if !s.end.After(from) {
			continue
		}
		e.Enter(s.phase, s.cause, s.start)
		e.Note(s.note)
		for _, a := range s.attempts {
			e.Attempt(timeline.Span{Phase: a.phase, Cause: a.cause, Start: a.start.Sub(e.Start), End: a.end.Sub(e.Start), Note: a.note})
		}
		e.Enter(timeline.Queue, timeline.Queued, s.end)
	}
}

// runDial carries out a dial order and hands the connection to the pool.
func (t *Transport) runDial(d dialOrder) {
	defer t.conns.dials.Done()
	if d.pause > 0 && !sleep(d.network, d.pause) {
		t.carryOut(t.pool().failed(lostDial{d, nil, ErrClosed}, time.Now()))
		return
	}
	ctx, cancel := t.dialContext(d)
	defer cancel()
	by := &dialler{t: t, to: d.to.key, addrs: &d.to.addrs, record: &dialRecord{}}
	c, err := by.open(ctx)
	if err != nil {
		by.unclaim()
		t.carryOut(t.pool().failed(lostDial{d, by.record, err}, time.Now()))
		return
	}
	todo, err := t.pool().opened(d, c, by.record, time.Now())
	if err != nil {
		by.unclaim()
		c.close()
	}
	t.carryOut(todo)
}

// sleep waits for d, or until ctx is done, which it reports as false.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// dialContext is what a dial runs in: it has the values of the request that asked
// for it, hooks of httptrace among them, but ends with DialTimeout, the network or
// the Transport and not with the request, which the dial outlives.
func (t *Transport) dialContext(d dialOrder) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.owner.context()), t.dialTimeout())
	stop := context.AfterFunc(d.network, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// A dialler opens one connection.
type dialler struct {
	t      *Transport
	to     route
	addrs  *addresses
	record *dialRecord

	claimed netip.AddrPort // the address among addrs for which the connection counts
}

// unclaim takes back what was claimed, for a connection that came to nothing.
func (d *dialler) unclaim() { d.addrs.leave(d.claimed) }

// open makes a connection on a route, and records how.
func (d *dialler) open(ctx context.Context) (conn, error) {
	may := maySpeak(d.t.Protocols, d.t.Strategy.Protocol, d.to)
	if !may.http1 && !may.http2 {
		return nil, nothingToSpeak(d.to)
	}
	l, err := d.reach(ctx, may)
	if err != nil {
		return nil, err
	}
	http2 := may.http2
	if d.to.scheme == "https" {
		if http2, err = may.agreed(l.alpn()); err != nil {
			l.Close()
			return nil, &dialError{step: timeline.TLS, err: err}
		}
	}
	if http2 {
		c := d.t.newHTTP2(l.Conn, l.about, l.tls)
		c.opening = d.record
		return c, nil
	}
	return newHTTP1(d.t, l.Conn, l.wire, l.about, l.tls), nil
}

// reach opens a link on which the origin listens, or a proxy that forwards.
func (d *dialler) reach(ctx context.Context, may spoken) (*link, error) {
	secure := d.to.scheme == "https"
	var l *link
	var err error
	switch {
	case d.to.proxy != "":
		l, err = d.through(ctx)
	case secure && d.t.DialTLSContext != nil:
		return d.dialTLS(ctx, d.to.addr)
	default:
		l, err = d.connect(ctx, d.to.addr)
	}
	if err != nil || !secure {
		return l, err
	}
	return l, d.secure(ctx, l, d.t.tlsConfig(hostname(d.to.addr), may, false))
}

// hostname is the host of "host:port".
func hostname(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

var errNothingDialled = errors.New("the dial function returned neither a connection nor an error")

// connect opens a TCP connection: by the caller's function where there is one,
// else to the first of the addresses that answers.
func (d *dialler) connect(ctx context.Context, addr string) (*link, error) {
	if d.t.DialContext == nil {
		return d.connectFirst(ctx, addr)
	}
	start := time.Now()
	c, err := d.t.DialContext(ctx, "tcp", addr)
	if err == nil && c == nil {
		err = errNothingDialled
	}
	d.record.add(attemptSpan(addr, start, time.Now(), err))
	if err != nil {
		return nil, &dialError{step: timeline.Connect, err: d.explained(err)}
	}
	return d.t.newLink(c), nil
}

// connectFirst connects to the first of a name's addresses that answers.
func (d *dialler) connectFirst(ctx context.Context, addr string) (*link, error) {
	addrs, err := d.resolve(ctx, addr)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	order := d.addrs.claim(addrs, start)
	d.claimed = order[0]
	r := &race{dial: d.dialAddr, backup: limit(d.t.BackupDelay, defaultBackupDelay), wg: &d.t.work, order: order}
	won := r.run(ctx)
	now := time.Now()
	span := dialSpan{phase: timeline.Connect, cause: timeline.Handshake, start: start, end: now, attempts: r.spans(now)}
	if won == nil {
		d.record.add(span)
		return nil, r.failure()
	}
	span.note = won.addr.String()
	d.record.add(span)
	l := d.t.newLink(won.conn)
	d.addrs.move(d.claimed, l.about.Remote, r.laggards(won, now), now)
	d.claimed = l.about.Remote
	return l, nil
}
