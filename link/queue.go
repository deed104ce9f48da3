package link

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// A Queue is where packets wait to be transmitted. It ends at its limit, where
// what enters is dropped ("drop-tail"); the packet that is being transmitted does
// not count. The zero value is the default: one bandwidth-delay product, the rate
// times Config.RTT, in packets of 1,500 bytes, and at least 64 packets.
//
// As text it is "64" (packets), "100kB" or "64KiB", "codel" or
// "codel,target=5ms,interval=100ms,limit=1000", or "default".
type Queue struct {
	// Packets or Bytes is the limit: how many may wait. If both are 0, it is the
	// default; both cannot be set.
	Packets int
	Bytes   int64

	// CoDel also drops packets as they come out of the queue, while it keeps each
	// for longer than Target and did so for an Interval (RFC 8289). The default of
	// its limit is 1,000 packets, as in Linux (tc-codel(8)).
	CoDel    bool
	Target   time.Duration // 0 means 5 ms (RFC 8289 §4.4)
	Interval time.Duration // 0 means 100 ms (RFC 8289 §4.3)
}

const (
	packetSize   = 1500 // bytes, in which queues and traces reckon
	leastDefault = 64   // packets
	codelLimit   = 1000 // packets
)

// check says what is wrong with q.
func (q Queue) check() error {
	switch {
	case q.Packets < 0 || q.Bytes < 0:
		return errors.New("want more than 0")
	case q.Packets > 0 && q.Bytes > 0:
		return errors.New("want a limit in packets or in bytes, not both")
	case q.Target < 0 || q.Target > maxDelay || q.Interval < 0 || q.Interval > maxDelay:
		return fmt.Errorf("want target and interval from 0 to %v", maxDelay)
	case !q.CoDel && (q.Target > 0 || q.Interval > 0):
		return errors.New("target and interval are codel's")
	}
	return nil
}

// queue is q with its defaults written out.
func (c Config) queue() Queue {
	q := c.Queue
	if q.CoDel {
		q.Target, q.Interval = cmp.Or(q.Target, codelTarget), cmp.Or(q.Interval, codelInterval)
	}
	switch {
	case q.Packets > 0 || q.Bytes > 0:
	case q.CoDel:
		q.Packets = codelLimit
	default:
		q.Packets = max(leastDefault, c.product())
	}
	return q
}

// product is the bandwidth-delay product in packets, rounded up.
func (c Config) product() int {
	rate := c.Rate
	if c.Trace != nil {
		rate = c.Trace.Mean()
	}
	const packet = packetSize * 8 * uint64(time.Second)
	hi, lo := bits.Mul64(uint64(rate), uint64(c.rtt()))
	n, rest := bits.Div64(hi, lo, packet) // hi is less: an RTT is at most some minutes
	if rest > 0 {
		n++
	}
	return int(min(n, math.MaxInt))
}

// A line is what waits in the queue.
type line struct {
	limit   Queue
	waiting ring[waiter]
	bytes   int64
}

// A waiter is a packet in the queue.
type waiter struct {
	fate  Fate
	luck  luck
	begin time.Duration // when its transmission begins; unknown with CoDel
}

// full reports whether a packet of that size would go beyond the limit.
func (l *line) full(size int) bool {
	return l.limit.Packets > 0 && l.waiting.len >= l.limit.Packets ||
		l.limit.Bytes > 0 && l.bytes+int64(size) > l.limit.Bytes
}

func (l *line) push(w *waiter) {
	*l.waiting.add() = *w
	l.bytes += int64(w.fate.bytes())
}

// first points at the first waiter until the next push or drop. There must be one.
func (l *line) first() *waiter { return l.waiting.first() }

// drop removes the first waiter. There must be one.
func (l *line) drop() {
	l.bytes -= int64(l.first().fate.bytes())
	l.waiting.drop()
}
