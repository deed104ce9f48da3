package cause_test

import (
	"slices"
	"time"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// The hosts of a network for tests live here: as much of TCP as makes each cause.

// A host is one end of a connection.
type host struct {
	net   *network
	conn  *packets.Conn
	side  packets.Side
	other *host

	// What the test may set.
	mss      int           // of what it sends: 1,448 if nobody sets others
	noDelay  bool          // without Nagle's algorithm
	cwnd     int64         // bytes; 10 segments if nobody sets others
	room     int64         // of the receive buffer: the window is what is free of it; 64,000
	reads    bool          // the application reads at once; or else when the test calls read
	quick    int           // so many segments are acknowledged at once, and later ones delayed
	hold     time.Duration // of an ACK: 40 ms
	noStamps bool          // without RFC 7323
	noSACK   bool
	readable func() // is told when more was received in order

	id         uint16
	next, una  int64 // of what it sends
	edge       int64 // of the window that it was offered
	stream     []byte
	writes     []int64 // the ends of what was written at once
	small      int64   // the end of the last small segment
	dup        int
	slow       int64 // the slow-start threshold
	recover    int64
	recovering bool
	probed     bool
	armed      int           // the timer that counts
	smoothed   time.Duration // RTT
	timed      int64         // what is acknowledged then tells of it; 0 if nothing is being timed
	timedAt    time.Duration
	fin        int64

	got, taken int64 // received in order; read
	late       []flow.Block
	twice      [][2]int64
	unheard    int // segments that were not acknowledged
	holding    int // the timer that counts; 0 if no ACK is held
	timers     int
	echo       uint32
	shut       bool // the window was closed, and has to be told of
}

// connect makes both ends of a connection, which are not open yet.
func (n *network) connect(c *packets.Capture, client, server string) (*host, *host) {
	conn := c.Conn(client, server)
	end := func(s packets.Side) *host {
		return &host{
			net: n, conn: conn, side: s, mss: conn.MSS - 12, cwnd: int64(10 * (conn.MSS - 12)), room: 64_000, reads: true, quick: 1 << 30,
			hold: 40 * ms, small: -1, slow: 1 << 40, edge: 64_000, readable: func() {}, fin: -1,
		}
	}
	a, b := end(packets.Client), end(packets.Server)
	a.other, b.other = b, a
	return a, b
}

// open shakes hands, and calls ready at the client's end. Both send again what is
// lost, after a second.
func (h *host) open(ready func()) {
	done := false
	var syn func(wait time.Duration)
	syn = func(wait time.Duration) {
		h.emit(h.offer(packet.SYN), func() { h.other.answer(time.Second, &done, ready) })
		h.net.after(wait, func() {
			if !done {
				syn(2 * wait)
			}
		})
	}
	syn(time.Second)
}

func (h *host) offer(flags packet.Flags) packets.Segment {
	return packets.Segment{Flags: flags, Window: int(min(h.room, 65_535)), MSS: h.conn.MSS, Scale: h.conn.Scale, SACKPermitted: !h.noSACK}
}

// answer sends a SYN-ACK, until done.
func (h *host) answer(wait time.Duration, done *bool, ready func()) {
	h.emit(h.offer(packet.SYN|packet.ACK), func() {
		first := !*done
		*done = true
		h.other.ack()
		if first {
			ready()
		}
	})
	h.net.after(wait, func() {
		if !*done {
			h.answer(2*wait, done, ready)
		}
	})
}

// emit sends a segment with what each has: an IP-ID that counts, and timestamps.
func (h *host) emit(s packets.Segment, arrive func()) {
	h.id++
	s.ID = h.id
	if !h.noStamps {
		s.Timestamps, s.TSval, s.TSecr = true, uint32(1000+h.net.now.Milliseconds()), h.echo
	}
	h.net.send(h.side, h.conn, s, func() {
		h.other.echo = s.TSval
		arrive()
	})
}

// write is what the application does.
func (h *host) write(data string) {
	h.stream = append(h.stream, data...)
	h.writes = append(h.writes, int64(len(h.stream)))
	h.push()
}

// close ends the stream behind what was written.
func (h *host) close() {
	h.fin = int64(len(h.stream))
	h.push()
}

// push sends what may be sent.
func (h *host) push() {
	end := int64(len(h.stream))
	for h.next < end {
		to := min(h.next+int64(h.mss), end)
		full := to-h.next == int64(h.mss)
		switch {
		case to > h.edge, h.next-h.una > 0 && to-h.una > h.cwnd:
			return
		case !full && !h.noDelay && h.small > h.una:
			return // Nagle's algorithm, as Minshall has it
		}
		if !full {
			h.small = to
		}
		if h.timed == 0 {
			h.timed, h.timedAt = to, h.net.now
		}
		h.transmit(h.next, to)
		h.next = to
		h.arm()
	}
	if h.fin == h.next {
		h.next++
		h.emit(packets.Segment{Flags: packet.FIN | packet.ACK, Seq: h.fin, Ack: h.got, Window: h.window()}, func() { h.other.finished() })
	}
}

func (h *host) finished() {
	h.got++
	h.ack()
}

func (h *host) transmit(from, to int64) {
	s := packets.Segment{Flags: packet.ACK, Seq: from, Ack: h.got, Window: h.window(), Data: h.stream[from:to]}
	if slices.Contains(h.writes, to) {
		s.Flags |= packet.PSH
	}
	h.unheard, h.holding = 0, 0
	h.emit(s, func() { h.other.receive(from, to, s.Ack, s.Window) })
}

// window is as it stands in a packet.
func (h *host) window() int {
	free := h.room - (h.got - h.taken)
	told := int(max(0, free)) >> h.conn.Scale
	h.shut = told<<h.conn.Scale < h.mss
	return told
}

// arm starts the timer of what was sent: first for a probe of the tail, then for a
// timeout.
func (h *host) arm() {
	h.timers++
	timer := h.timers
	h.armed = timer
	rtt := max(h.smoothed, h.net.way[0]+h.net.way[1])
	wait := 2 * rtt
	if h.next-h.una <= int64(h.mss) {
		wait += 200 * ms // its ACK may be delayed: RFC 8985 §7.2
	}
	if h.probed || h.noSACK {
		wait = max(200*ms, 2*rtt)
	}
	h.net.after(wait, func() {
		if h.armed == timer && h.una < h.next && h.next <= int64(len(h.stream)) {
			h.expire()
		}
	})
}

func (h *host) expire() {
	if !h.probed && !h.noSACK {
		h.probed = true
		h.transmit(max(h.una, h.next-int64(h.mss)), h.next)
		h.arm()
		return
	}
	h.slow, h.cwnd = max(h.cwnd/2, int64(2*h.mss)), int64(h.mss)
	h.recovering, h.recover = true, h.next
	h.again()
	h.arm()
}

// again sends the lowest segment again that is not acknowledged.
func (h *host) again() {
	if to := min(h.una+int64(h.mss), h.next, int64(len(h.stream))); to > h.una {
		h.transmit(h.una, to)
	}
}

// receive takes in a segment with bytes.
func (h *host) receive(from, to, ack int64, window int) {
	if to <= h.got {
		h.heard(ack, window)
		h.twice = [][2]int64{{from, to}}
		h.ack()
		return
	}
	h.late = append(h.late, flow.Block{From: from, To: to})
	hole := from > h.got
	filled := len(h.late) > 1
	h.gather()
	h.heard(ack, window)
	h.unheard++
	if h.reads {
		h.taken = h.got
	}
	h.quick--
	switch {
	case hole || filled || h.unheard >= 2 || h.quick >= 0 || h.room-(h.got-h.taken) < int64(h.mss):
		h.ack()
	case h.holding == 0:
		h.delay()
	}
	h.readable()
}

// gather moves on over what is there in order.
func (h *host) gather() {
	slices.SortFunc(h.late, func(a, b flow.Block) int { return int(a.From - b.From) })
	for len(h.late) > 0 && h.late[0].From <= h.got {
		h.got = max(h.got, h.late[0].To)
		h.late = h.late[1:]
	}
}

func (h *host) delay() {
	h.timers++
	timer := h.timers
	h.holding = timer
	h.net.after(h.hold, func() {
		if h.holding == timer {
			h.ack()
		}
	})
}

// ack sends an ACK without bytes.
func (h *host) ack() {
	h.unheard, h.holding = 0, 0
	s := packets.Segment{Seq: h.next, Ack: h.got, Window: h.window()}
	if h.twice != nil && !h.noSACK {
		s.SACK = h.twice // RFC 2883
	} else if len(h.late) > 0 && !h.noSACK {
		s.SACK = [][2]int64{{h.late[0].From, h.late[len(h.late)-1].To}}
		for i := range h.late { // one block, of what follows the first hole
			if h.late[i].From > s.SACK[0][0] && i > 0 && h.late[i].From > h.late[i-1].To {
				s.SACK[0][1] = h.late[i-1].To
				break
			}
		}
	}
	h.twice = nil
	above := int64(0)
	for _, b := range h.late {
		above += b.To - b.From
	}
	h.emit(s, func() {
		h.other.duplicate(s.Ack, above)
		h.other.heard(s.Ack, s.Window)
	})
}

// read takes in what was received, and tells of the window if that was closed.
func (h *host) read() {
	h.taken = h.got
	if h.shut {
		h.ack()
	}
}

// duplicate takes in that an ACK moves nothing while bytes are under way.
func (h *host) duplicate(ack, above int64) {
	if ack != h.una || h.next == h.una || h.recovering || above == 0 {
		return
	}
	if h.dup++; h.dup < 3 && above < int64(3*h.mss) {
		return
	}
	h.cwnd = max(h.cwnd/2, int64(2*h.mss))
	h.slow = h.cwnd
	h.recovering, h.recover = true, h.next
	h.again()
	h.arm()
}

// heard takes in an ACK.
func (h *host) heard(ack int64, window int) {
	h.edge = max(h.edge, ack+int64(window)<<h.conn.Scale)
	if fresh := ack - h.una; fresh > 0 {
		h.una, h.dup, h.probed = ack, 0, false
		if h.timed != 0 && ack >= h.timed {
			h.smoothed, h.timed = max(h.net.now-h.timedAt, h.smoothed*7/8), 0
		}
		switch {
		case h.recovering && ack < h.recover:
			h.again()
		case h.recovering:
			h.recovering = false
		case h.cwnd < h.slow:
			h.cwnd += fresh
		default:
			h.cwnd += fresh * int64(h.mss) / h.cwnd
		}
		h.arm()
	}
	h.push()
}
