package flow

// Round trips live here: of the path, and as a sender knows them.

// A timed is a segment whose ACK is being waited for, to take a sample of the RTT.
type timed struct {
	end int64
	at  int64
}

// time takes a sample of the RTT if the segment that is timed was acknowledged.
func (c *Conn) time(d Dir, seg *Segment) {
	e := &c.ends[d]
	if e.timed.at == 0 || seg.Ack < e.timed.end {
		return
	}
	took := seg.At - e.timed.at
	e.timed = timed{}
	if took >= 0 {
		e.rtt.sample(took)
		c.sample(d, took)
	}
}

// A stamp is a value of a sender's timestamp clock, and when it was first seen, to
// take a sample when it comes back. That works for ACKs, too, which nobody acknowledges.
type stamp struct {
	at     int64 // 0: none is being waited for
	val    uint32
	newest uint32
	any    bool
}

// echoed takes in a segment's timestamps: RFC 7323 §4.
func (c *Conn) echoed(d Dir, seg *Segment) {
	if seg.NoTS {
		return
	}
	e, o := &c.ends[d].stamp, &c.ends[d.Other()].stamp
	if o.at != 0 && seg.Ack >= 0 {
		age := int32(seg.TSecr - o.val)
		if age == 0 {
			c.sample(d.Other(), seg.At-o.at)
		}
		if age >= 0 {
			o.at = 0
		}
	}
	if e.any && int32(seg.TSval-e.newest) <= 0 {
		return
	}
	e.newest, e.any = seg.TSval, true
	if e.at == 0 {
		e.at, e.val = seg.At, seg.TSval
	}
}

// sample takes in how long an answer to a segment of direction d took, as captured:
// the way from the place of capture to the receiver, and back.
func (c *Conn) sample(d Dir, took int64) {
	if took < 0 || c.halves[d] != 0 && took >= c.halves[d] {
		return
	}
	c.halves[d] = max(took, 1)
	toServer, toClient := c.halves[Up], c.halves[Down]
	if toServer == 0 || toClient == 0 {
		return
	}
	c.MinRTT = toServer + toClient
	switch {
	case toClient*8 < toServer:
		c.Near = AtClient
	case toServer*8 < toClient:
		c.Near = AtServer
	default:
		c.Near = Between
	}
}

// An estimate is the smoothed RTT and its variance: RFC 6298 §2, in nanoseconds.
type estimate struct{ smoothed, variance int64 }

func (r *estimate) sample(took int64) {
	if r.smoothed == 0 {
		r.smoothed, r.variance = took, took/2
		return
	}
	diff := r.smoothed - took
	if diff < 0 {
		diff = -diff
	}
	r.variance += (diff - r.variance) / 4
	r.smoothed += (took - r.smoothed) / 8
}

// timeout is the least that a retransmission timeout can be: the variance may have
// been smaller than it is here, for a sender that knows more.
func (r *estimate) timeout() int64 { return max(leastTimeout, r.smoothed) }

// probe is the least that a tail-loss probe waits: "PTO = 2*SRTT" (RFC 8985 §7.2),
// less what the estimate may be wrong by.
func (r *estimate) probe() int64 {
	if r.smoothed == 0 {
		return leastTimeout - tick
	}
	return r.smoothed * 3 / 2
}

// ToReceiver is how long a segment of a direction is on its way from the place of
// capture to its receiver, at least: half of the smallest time to its ACK, in
// nanoseconds; 0 until that is known.
func (c *Conn) ToReceiver(d Dir) int64 { return c.halves[d] / 2 }
