package flow

import "github.com/lingerhttp/linger/packet"

// The end of a connection lives here.

// A Closing is how a connection ended.
type Closing struct {
	Seen     bool // the end is in the capture
	By       Dir  // who began
	Reset    bool // by RST
	TimeWait bool // By is left with TIME_WAIT: RFC 9293 §3.6
	Both     bool // both began, neither having heard of the other: both are left with it
}

// end takes in FIN and RST.
func (c *Conn) end(d Dir, seg *Segment) {
	s, cl := &c.Sides[d], &c.Closing
	if seg.Flags&(packet.FIN|packet.RST) == 0 {
		return
	}
	if !cl.Seen {
		cl.Seen, cl.By = true, d
	}
	if seg.Flags&packet.RST != 0 {
		if s.RST == 0 {
			s.RST = seg.At
		}
		cl.Reset = cl.Reset || !c.finished()
		cl.TimeWait, cl.Both = false, false
		c.over(d, seg.At, ByRST)
		c.over(d.Other(), seg.At, ByRST)
		return
	}
	if s.FIN == 0 {
		s.FIN = seg.At
		c.ends[d].stream.fin = seg.End()
		if c.finished() && !cl.Reset {
			cl.TimeWait = true
			cl.Both = seg.Ack >= 0 && seg.Ack <= c.ends[d.Other()].stream.fin
		}
	}
	c.finish1(d, seg.At)
}

// finished says whether both sides have sent their FIN.
func (c *Conn) finished() bool { return c.Sides[Up].FIN != 0 && c.Sides[Down].FIN != 0 }

// closed says whether nothing more is expected of the connection.
func (c *Conn) closed() bool { return c.Closing.Reset || c.finished() }

// over tells the Sink that a direction has ended.
func (c *Conn) over(d Dir, at int64, how How) {
	if c.ended[d] {
		return
	}
	c.ended[d] = true
	c.held.drop(&c.ends[d].stream)
	if c.sink != nil {
		c.sink.End(d, at, how)
	}
}

// finish1 ends a direction whose FIN was seen and whose bytes were all read.
func (c *Conn) finish1(d Dir, at int64) {
	if st := &c.ends[d].stream; c.Sides[d].FIN != 0 && st.edge >= st.fin {
		c.over(d, at, ByFIN)
	}
}

// finish ends both directions: nothing more will come.
func (c *Conn) finish() {
	for d := Up; d <= Down; d++ {
		c.flush(d)
		how := Open
		if c.Sides[d].FIN != 0 {
			how = ByFIN
		}
		c.over(d, c.Last, how)
	}
}
