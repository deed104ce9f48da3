package main

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/grade"
	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

// A picture is what is drawn of a run. Times are nanoseconds since 1970.
type picture struct {
	title, about string
	from, to     int64
	delay        int64 // of each way
	rows         []row
	arrows       []arrow
}

// A row says where the time of the exchanges went, as somebody knows it.
type row struct {
	who   string
	spans []grade.Stretch // in the order of time, without overlap
}

// An arrow is a packet on its way.
type arrow struct {
	class         string
	down, own     bool
	out, left, in int64
	lost          bool
}

// picture reads a run.
func (s *scene) picture(f *grade.Facts) (*picture, error) {
	_, about, _ := strings.Cut(s.scenario.String(), ": ") // without its number
	p := &picture{title: s.name, about: about, delay: int64(s.scenario.RTT / 2)}
	truth, names := s.shown(grade.Truth(f))
	if len(truth.spans) == 0 {
		return nil, errors.New("there is no truth of it")
	}
	client, err := s.said(f, grade.Receiver, names)
	if err != nil {
		return nil, err
	}
	server, err := s.said(f, grade.Sender, names)
	if err != nil {
		return nil, err
	}
	p.rows = []row{truth, client, server}
	p.rows[0].who, p.rows[1].who, p.rows[2].who = "true", "client’s end", "server’s end"
	p.from, p.to = truth.spans[0].From, truth.spans[len(truth.spans)-1].To
	p.arrows = s.arrows(f, names)
	return p, nil
}

// A name tells an exchange apart in packets.
type name struct {
	conn netip.AddrPort
	nth  int
}

// shown is what is true of the exchanges that are drawn, and how they are found in
// packets.
func (s *scene) shown(all []*grade.Judged) (row, map[name]int) {
	names := make(map[name]int)
	var drawn []*grade.Judged
	for _, j := range all {
		if slices.Contains(s.show, j.Exchange) {
			names[name{j.Conn, j.Nth}] = j.Exchange
			drawn = append(drawn, j)
		}
	}
	return rowOf(drawn), names
}

// said is what is said of them from one end.
func (s *scene) said(f *grade.Facts, end grade.End, names map[name]int) (row, error) {
	var drawn []*grade.Judged
	x := cause.New(cause.Config{KeyLog: f.KeyLog}, func(e *cause.Explained) {
		if names[name{e.Timeline.Conn.Local, e.Timeline.Nth}] > 0 {
			drawn = append(drawn, grade.Said(e.Timeline))
		}
	})
	n := 0
	err := f.Captured(end, func(p *packet.Packet) {
		if p.Protocol == packet.ProtocolTCP && p.Dst.Addr() == clientOf(names) && p.PayloadLen() > 0 {
			if n++; s.missed != nil && s.missed(n) {
				return
			}
		}
		x.Add(p)
	})
	x.Close()
	return rowOf(drawn), err
}

func clientOf(names map[name]int) netip.Addr {
	for n := range names {
		return n.conn.Addr()
	}
	return netip.Addr{}
}

// rowOf lays exchanges behind each other. Where they overlap, the one that began first
// has the time.
func rowOf(all []*grade.Judged) row {
	slices.SortFunc(all, func(a, b *grade.Judged) int { return cmp.Compare(a.Start, b.Start) })
	var r row
	var at int64
	for _, j := range all {
		for _, s := range j.Spans {
			if s.From = max(s.From, at); s.To > s.From {
				r.spans = append(r.spans, s)
				at = s.To
			}
		}
	}
	return r
}

// arrows are the packets of a run.
func (s *scene) arrows(f *grade.Facts, names map[name]int) []arrow {
	packets := slices.Clone(f.Packets)
	slices.SortFunc(packets, func(a, b grade.Packet) int { return cmp.Compare(a.Seq, b.Seq) })
	streams := make(map[netip.AddrPort]*[2]uint32) // where the data of each direction begins
	var all []arrow
	n := 0
	for i := range packets {
		p := &packets[i]
		h, err := packet.Decode(p.Data)
		if err != nil || p.Copy {
			continue
		}
		a := arrow{down: p.Down, out: p.Entered, left: p.Left, in: p.At + int64(p.Late), lost: p.Drop != link.None}
		a.class = s.classOf(f, p, &h, streams, names)
		a.own = a.class == "own"
		if p.Down && !a.lost && p.Kind == link.Data {
			if n++; s.missed != nil && s.missed(n) {
				a.class += " unseen"
			}
		}
		all = append(all, a)
	}
	return all
}

// classOf is how a packet is drawn.
func (s *scene) classOf(f *grade.Facts, p *grade.Packet, h *packet.Header, streams map[netip.AddrPort]*[2]uint32, names map[name]int) string {
	client, dir := h.Src, 0
	if p.Down {
		client, dir = h.Dst, 1
	}
	begin := streams[client]
	if begin == nil {
		begin = new([2]uint32)
		streams[client] = begin
	}
	switch {
	case p.Drop != link.None:
		return "bad"
	case p.Kind == link.SYN || p.Kind == link.SYNACK:
		begin[dir] = h.Seq + 1
		return "set"
	case p.Kind == link.Other:
		return "set"
	case p.Kind != link.Data:
		return "ack"
	}
	from := int64(h.Seq - begin[dir])
	to := from + int64(h.PayloadLen())
	for _, piece := range f.Pieces {
		if piece.Conn == client && piece.Down == p.Down && piece.From < to && piece.To > from && slices.Contains(s.show, piece.Exchange) {
			return "own"
		}
	}
	if s.scenario.TLS {
		return "set" // the handshake
	}
	return "else"
}

// causes are those that can be seen, in the order of all.
func (p *picture) causes() []timeline.Cause {
	var seen []timeline.Cause
	for _, r := range p.rows {
		for _, s := range r.spans {
			if p.x(s.To)-p.x(s.From) >= 2 && !slices.Contains(seen, s.Cause) {
				seen = append(seen, s.Cause)
			}
		}
	}
	slices.Sort(seen)
	return seen
}
