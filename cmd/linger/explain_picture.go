package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// Pictures of connections for linger explain --html.

const (
	mostPictures = 12
	mostDrawn    = 2000 // places along time: about two for each point of a wide page
)

// pictures makes those of the connections whose exchanges took longest.
type pictures struct {
	open  map[int][]*timeline.Exchange // of connections that are not closed yet
	all   []drawnConn
	count int
}

// A drawnConn is a picture and what decides whether it is shown. Its times count
// from 1970.
type drawnConn struct {
	report.Picture
	spent time.Duration
}

// add remembers an exchange until its connection is closed.
func (p *pictures) add(e *timeline.Exchange) {
	if p.open == nil {
		p.open = make(map[int][]*timeline.Exchange)
	}
	p.open[e.Conn.Number] = append(p.open[e.Conn.Number], e)
}

// closed draws a connection that has exchanges, unless others took longer.
func (p *pictures) closed(c *flow.Conn) {
	exchanges := p.open[c.ID]
	delete(p.open, c.ID)
	if len(exchanges) == 0 {
		return
	}
	p.count++
	var spent time.Duration
	for _, e := range exchanges {
		spent += e.Duration
	}
	if len(p.all) < mostPictures {
		p.all = append(p.all, drawnConn{pictureOf(c, exchanges), spent})
		return
	}
	shortest := 0
	for i := range p.all {
		if p.all[i].spent < p.all[shortest].spent {
			shortest = i
		}
	}
	if spent > p.all[shortest].spent {
		p.all[shortest] = drawnConn{pictureOf(c, exchanges), spent}
	}
}

// drawn returns the pictures in the order of their connections, with times that
// count from begin, and how many connections have none. Exchanges get the numbers that
// the report has for them.
func (p *pictures) drawn(begin int64, number func(told int) int) ([]report.Picture, int) {
	slices.SortFunc(p.all, func(a, b drawnConn) int { return cmp.Compare(a.Conn.Number, b.Conn.Number) })
	all := make([]report.Picture, len(p.all))
	for i, d := range p.all {
		all[i] = d.Picture
		shift(&all[i], time.Duration(begin))
		for j := range all[i].Bands {
			all[i].Bands[j].Exchange = number(all[i].Bands[j].Exchange)
		}
	}
	return all, p.count - len(p.all)
}

func shift(p *report.Picture, by time.Duration) {
	p.From, p.To = p.From-by, p.To-by
	for _, list := range [][]report.PictureSegment{p.Data, p.Again, p.Other} {
		for i := range list {
			list[i].At -= by
		}
	}
	for _, list := range [][]report.PictureStep{p.ACKs, p.Windows} {
		for i := range list {
			list[i].At -= by
		}
	}
	for i := range p.Bands {
		p.Bands[i].From, p.Bands[i].To = p.Bands[i].From-by, p.Bands[i].To-by
	}
}

// pictureOf draws the direction that carried more, with the causes behind it.
func pictureOf(c *flow.Conn, exchanges []*timeline.Exchange) report.Picture {
	d, sender := flow.Down, "server"
	if c.Sides[flow.Up].Bytes > c.Sides[flow.Down].Bytes {
		d, sender = flow.Up, "client"
	}
	p := report.Picture{Conn: connOf(c), Sender: sender, Bands: bandsOf(exchanges)}
	p.From, p.To = extentOf(c, p.Bands)
	draw := drawing{p: &p, bin: max((p.To-p.From)/mostDrawn, 1)}
	for i := range c.Segments {
		if s := &c.Segments[i]; s.Dir == d {
			draw.sent(s)
		} else {
			draw.heard(s)
		}
	}
	if c.Forgotten > 0 {
		p.Note = fmt.Sprintf("The first %d segments are not shown.", c.Forgotten)
	}
	if draw.unscaled {
		p.Note += " The window is not known: its scale stands in the SYN, which is not in the capture."
	}
	return p
}

// extentOf is the time from a connection's first packet, or what led to it, to the
// last that has data or a cause: not the long silence before it is closed.
func extentOf(c *flow.Conn, bands []report.PictureBand) (from, to time.Duration) {
	if len(c.Segments) > 0 {
		from = time.Duration(c.Segments[0].At)
		to = from
	}
	for i := range c.Segments {
		if s := &c.Segments[i]; s.Len > 0 {
			to = max(to, time.Duration(s.At))
		}
	}
	for _, b := range bands {
		from, to = min(from, b.From), max(to, b.To)
	}
	margin := (to - from) / 100
	return from, to + margin
}

// bandsOf are the causes along a connection. Where its exchanges overlap, the one
// that began first has them: the others wait for it, or share with it.
func bandsOf(exchanges []*timeline.Exchange) []report.PictureBand {
	slices.SortStableFunc(exchanges, func(a, b *timeline.Exchange) int { return a.Start.Compare(b.Start) })
	var all []report.PictureBand
	var covered time.Duration
	for _, e := range exchanges {
		start := time.Duration(e.Start.UnixNano())
		for _, s := range e.Spans {
			from, to := max(start+s.Start, covered), start+s.End
			if to > from {
				all = append(all, report.PictureBand{Cause: s.Cause, From: from, To: to, Exchange: e.Number})
				covered = to
			}
		}
	}
	return all
}

// A drawing adds segments to a picture. What would not be told apart in it is drawn
// as one.
type drawing struct {
	p        *report.Picture
	bin      time.Duration
	acked    int64
	window   int64
	unscaled bool
}

// sent draws a segment of the direction that is shown.
func (d *drawing) sent(s *flow.Segment) {
	if s.Len == 0 || s.Kind == flow.KeepAlive || s.Kind == flow.Probe {
		return
	}
	at := time.Duration(s.At)
	seg := report.PictureSegment{At: at, From: s.Seq, To: s.End()}
	d.p.Top = max(d.p.Top, seg.To)
	if s.Kind.Again() {
		seg.Label = fmt.Sprintf("packet %d: %d bytes, %s", s.Packet, s.Len, againWords[s.Kind])
		d.p.Again = append(d.p.Again, seg)
		return
	}
	if n := len(d.p.Data); n > 0 {
		if last := &d.p.Data[n-1]; at-last.At < d.bin && last.To == seg.From {
			last.To = seg.To
			return
		}
	}
	d.p.Data = append(d.p.Data, seg)
}

// againWords say why a segment was sent again.
var againWords = map[flow.Kind]string{
	flow.Repair: "fills a hole", flow.Fast: "fast retransmit", flow.Tail: "tail-loss probe",
	flow.Timeout: "sent again after a timeout", flow.Spurious: "sent again although nothing was lost",
}

// heard draws a segment of the other direction: what it acknowledges, what window it
// opens, and when it has data of its own.
func (d *drawing) heard(s *flow.Segment) {
	at := time.Duration(s.At)
	if n := len(d.p.Other); s.Len > 0 && (n == 0 || at-d.p.Other[n-1].At >= d.bin) {
		d.p.Other = append(d.p.Other, report.PictureSegment{At: at, To: int64(s.Len)})
	}
	if s.Ack < 0 {
		return
	}
	if s.Ack > d.acked || d.p.ACKs == nil {
		d.acked = max(s.Ack, d.acked)
		d.p.ACKs = step(d.p.ACKs, d.bin, at, d.acked)
	}
	if s.Window < 0 {
		d.unscaled = true
		return
	}
	if edge := s.Ack + int64(s.Window); edge != d.window {
		d.window = edge
		d.p.Windows = step(d.p.Windows, d.bin, at, edge)
	}
}

// step moves a line. Steps closer than a bin are one, at the time of the last.
func step(line []report.PictureStep, bin, at time.Duration, to int64) []report.PictureStep {
	if n := len(line); n > 1 && at-line[n-2].At < bin {
		line[n-1] = report.PictureStep{At: at, Offset: to}
		return line
	}
	return append(line, report.PictureStep{At: at, Offset: to})
}
