package flow

import "slices"

// Segments come and go here.

// hold adds a segment.
func (c *Conn) hold(seg Segment) {
	c.all = append(c.all, seg)
	c.Segments = c.all[c.gone:]
}

// kept is how many forgotten segments are kept all the same, to know packets that were
// captured twice.
const kept = backACK

// Forget drops the first n segments. Their numbers in Segments change, by Forgotten,
// and SACKs changes with them: slices of either that were taken before hold no longer
// what they did. It takes the time of looking at each segment twice, over its life.
func (c *Conn) Forget(n int) {
	n = min(n, len(c.Segments))
	if n <= 0 {
		return
	}
	for i := range c.Segments[:n] {
		if s := &c.Segments[i]; s.NumSACK > 0 {
			c.goneSACKs = int(s.SACKs) + int(s.NumSACK)
		}
	}
	c.Forgotten += n
	c.gone += n
	c.Segments = c.all[c.gone:]
	if c.gone > kept && c.gone-kept > len(c.Segments)+kept {
		c.compact()
	}
}

// compact gives back the memory of what was forgotten.
func (c *Conn) compact() {
	c.all = shift(c.all, c.gone-kept)
	c.SACKs = shift(c.SACKs, c.goneSACKs)
	for i := range c.all {
		s := &c.all[i]
		if s.SACKs -= int32(c.goneSACKs); i < kept || s.NumSACK == 0 {
			s.SACKs = 0
		}
	}
	c.gone, c.goneSACKs = kept, 0
	c.Segments = c.all[c.gone:]
}

// Over says whether both directions have ended and the Sink has been told of it: by FIN
// with all bytes read, or by RST.
func (c *Conn) Over() bool { return c.ended[Up] && c.ended[Down] }

// keptOver is how many segments of a connection are kept that is over.
const keptOver = 8

// Rest says that nobody will ask any more about the segments of a connection that is
// over: of these only the last few are kept, to know what was captured twice, and the
// Sink is let go.
func (c *Conn) Rest() {
	c.Forgotten += len(c.Segments)
	last := slices.Clone(c.all[max(0, len(c.all)-keptOver):])
	for i := range last {
		last[i].SACKs, last[i].NumSACK = 0, 0
	}
	c.all, c.gone, c.SACKs, c.goneSACKs = last, len(last), nil, 0
	c.Segments = c.all[c.gone:]
	if c.Over() {
		c.sink = nil
	}
}

// shift drops the first n, in place unless that would hold much for little.
func shift[T any](all []T, n int) []T {
	live := len(all) - n
	if cap(all) > 4*live+256 {
		return append(make([]T, 0, live), all[n:]...)
	}
	return all[:copy(all, all[n:])]
}
