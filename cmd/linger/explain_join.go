package main

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/timeline"
)

// Joining what packets show of an exchange to what the client that made it says: what
// was before the first packet, and after the last, nobody else knows.

// A clientSide are the client's own records. Each is joined to what packets show of it,
// once.
type clientSide struct {
	waiting map[ends][]*timeline.Exchange // by connection, in the order on it
	all     []*timeline.Exchange
	joined  map[*timeline.Exchange]bool
	strange int // exchanges on the client's connections that are none of its records
	foreign int // exchanges on connections that are not the client's
}

// ends are those of a connection, as packets name them.
type ends struct{ client, server netip.AddrPort }

func endsOf(c timeline.Conn) ends { return ends{plainEnd(c.Local), plainEnd(c.Remote)} }

// plainEnd is an end without what packets do not have: the zone of an IPv6 address, and
// IPv4's being written as IPv6.
func plainEnd(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func newClientSide(records []*timeline.Exchange) *clientSide {
	c := &clientSide{waiting: make(map[ends][]*timeline.Exchange), all: records, joined: make(map[*timeline.Exchange]bool)}
	for _, r := range records {
		c.waiting[endsOf(r.Conn)] = append(c.waiting[endsOf(r.Conn)], r)
	}
	for _, list := range c.waiting {
		slices.SortStableFunc(list, func(a, b *timeline.Exchange) int { return cmp.Compare(a.Nth, b.Nth) })
	}
	return c
}

// of finds the record of what packets show, nil if there is none.
func (c *clientSide) of(e *cause.Explained) *timeline.Exchange {
	list, ours := c.waiting[endsOf(e.Timeline.Conn)]
	if !ours {
		c.foreign++
		return nil
	}
	i := slices.IndexFunc(list, func(r *timeline.Exchange) bool { return r.Nth == e.Timeline.Nth && like(r, e) })
	if i < 0 {
		i = slices.IndexFunc(list, func(r *timeline.Exchange) bool { return like(r, e) })
	}
	if i < 0 {
		c.strange++
		return nil
	}
	r := list[i]
	c.waiting[endsOf(r.Conn)] = slices.Delete(list, i, i+1)
	c.joined[r] = true
	return r
}

// like reports whether a record may be of what packets show. Where TLS hides the
// request, any may.
func like(r *timeline.Exchange, e *cause.Explained) bool {
	if e.Source != nil && e.Source.Inferred {
		return r.Nth == e.Timeline.Nth
	}
	return r.Method == e.Timeline.Method && target(r.URL) == target(e.Timeline.URL)
}

// target is a URL from its path on: a Host field may be spelt otherwise.
func target(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		i := strings.IndexAny(rest, "/?")
		if i < 0 {
			return "/"
		}
		url = rest[i:]
	}
	url, _, _ = strings.Cut(url, "#")
	return url
}

// left are the records of which packets show nothing.
func (c *clientSide) left() []*timeline.Exchange {
	return slices.DeleteFunc(slices.Clone(c.all), func(r *timeline.Exchange) bool { return c.joined[r] })
}

// notes say what was not joined.
func (c *clientSide) notes() []string {
	var all []string
	if n := len(c.left()); n > 0 {
		all = append(all, "of "+count(n, "exchange")+" no packets show anything: what is told of these is what the client says itself")
	}
	if c.strange > 0 {
		all = append(all, count(c.strange, "request")+" in the packets had no exchange of the client's: tunnels, or tries that were made again")
	}
	if c.foreign > 0 {
		all = append(all, count(c.foreign, "exchange")+" of other programs with the same servers were left out")
	}
	return all
}

// joined is the client's record with what packets show: before the first packet and
// after the last it says what the client did. Its spans cover the client's time.
func joined(client, wire *timeline.Exchange) *timeline.Exchange {
	t := *client
	t.Conn.Number = wire.Conn.Number
	t.Spans = nil
	begin := wire.Start.Sub(client.Start)
	end := min(begin+wire.Duration, t.Duration)
	if len(wire.Spans) == 0 || begin >= t.Duration || end <= 0 {
		t.Spans = client.Spans
		return &t
	}
	for _, s := range client.Spans {
		addCut(&t, clientSpan(s), 0, begin)
	}
	for _, s := range wire.Spans {
		s.Start, s.End = s.Start+begin, s.End+begin
		addCut(&t, s, max(begin, 0), end)
	}
	addCut(&t, timeline.Span{Phase: timeline.Receive, Cause: timeline.Client, Start: end, End: t.Duration,
		Note: "all had arrived, and the client had not read it yet"}, end, t.Duration)
	return &t
}

// addCut adds as much of a span as lies between two times.
func addCut(t *timeline.Exchange, s timeline.Span, from, to time.Duration) {
	s.Start, s.End = max(s.Start, from), min(s.End, to)
	if s.End <= s.Start {
		return
	}
	var attempts []timeline.Span
	for _, a := range s.Attempts {
		a.Start, a.End = max(a.Start, s.Start), min(a.End, s.End)
		if a.End >= a.Start {
			attempts = append(attempts, a)
		}
	}
	s.Attempts = attempts
	t.Spans = append(t.Spans, s)
}

// clientSpan is a span before the first packet. What the client did not know the cause
// of was its own doing.
func clientSpan(s timeline.Span) timeline.Span {
	if s.Cause == timeline.Unknown && s.Phase == timeline.Send {
		s.Cause, s.Note = timeline.Client, cmp.Or(s.Note, "the request had not left the client yet")
	}
	return s
}
