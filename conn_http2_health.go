package linger

import (
	"encoding/binary"
	"errors"
	"time"
)

// Whether the server is still there: a connection that says nothing for
// SendPingTimeout while streams are open, or before it is used again, is asked by
// a PING. One that does not answer in PingTimeout is closed, and everything on it
// fails.

// errPingTimeout is why a connection ends whose server does not answer PINGs.
var errPingTimeout = errors.New("the server did not answer a PING in time")

// health is what is known of a connection's server; the connection's mutex
// guards it.
type health struct {
	heard      time.Time   // when something last came
	asked      time.Time   // when the PING under way was queued; zero: none is
	readsThen  int64       // what had come by then
	number     uint64      // of that PING
	timer      *time.Timer // calls checkHealth
	ticking    bool
	ghosts     int   // streams that were given up and count as open until the PING is answered
	doubted    bool  // a request ran out of time: nothing more is put on it until then
	probed     bool  // a stream was asked after, and no HEADERS or DATA came since
	pings      int   // how many went out since HEADERS or DATA came
	unwritable error // why nothing can be written
}

// watchLocked is called for each stream that is opened.
func (c *http2Conn) watchLocked(now time.Time) {
	h := &c.health
	if c.cfg.ping == forever {
		return
	}
	if h.heard.IsZero() {
		h.heard = now
	}
	if h.asked.IsZero() && now.Sub(h.heard) >= c.silenceLocked(borneMore) {
		c.askLocked(now)
	} else if !h.ticking {
		c.tickLocked(c.cfg.ping)
	}
}

// Servers of gRPC end a connection ("too_many_pings") whose client asks a fourth
// time within five minutes while they have sent neither HEADERS nor DATA, be a
// stream open or not. Unless SendPingTimeout says how often, silence alone is asked
// twice, a stream that begins or is given up has one more, and what comes then has
// five minutes in between.
const (
	bornePings = 2
	borneMore  = bornePings + 1
	patience   = 5*time.Minute + defaultPing
)

// silenceLocked is how long the server may be silent before it is asked, where so
// many PINGs in a row are borne.
func (c *http2Conn) silenceLocked(borne int) time.Duration {
	if c.health.pings < borne || c.cfg.pingChosen {
		return c.cfg.ping
	}
	return patience
}

// soundLocked takes in HEADERS or DATA.
func (c *http2Conn) soundLocked() { c.health.probed, c.health.pings = false, 0 }

// doubtLocked takes in that a stream was given up unanswered. It asks once until
// HEADERS or DATA come: servers take more for abuse.
func (c *http2Conn) doubtLocked(outOfTime bool) {
	h := &c.health
	asks := h.asked.IsZero()
	if c.cfg.ping == forever || c.err != nil || (asks && (h.probed || c.silenceLocked(borneMore) > c.cfg.ping)) {
		return
	}
	h.ghosts++
	h.doubted, h.probed = h.doubted || outOfTime, true
	if asks {
		c.askLocked(time.Now())
	}
	c.setRoomLocked()
}

// askLocked queues a PING.
func (c *http2Conn) askLocked(now time.Time) {
	h := &c.health
	h.number++
	h.pings++
	h.asked, h.readsThen = now, c.reads.Load()
	var data [8]byte
	binary.BigEndian.PutUint64(data[:], h.number)
	c.out = appendPing(c.out, 0, data)
	c.tickLocked(c.cfg.pong)
}

// tickLocked calls checkHealth after d.
func (c *http2Conn) tickLocked(d time.Duration) {
	h := &c.health
	h.ticking = d != forever
	switch {
	case !h.ticking:
	case h.timer == nil:
		h.timer = time.AfterFunc(d, c.checkHealth)
	default:
		h.timer.Reset(d)
	}
}

// checkHealth is called when a PING may be due, or late.
func (c *http2Conn) checkHealth() {
	if !c.t.admit() {
		return
	}
	defer c.t.work.Done()
	late, answered := c.checkUp(time.Now())
	switch {
	case late:
		c.cfg.count("conn_close_lost_ping")
		c.abandon(errPingTimeout)
	case answered:
		c.roomy()
	}
	c.flush()
}

// checkUp says whether the PING under way is late, and whether something else has
// come meanwhile, which is as good as its answer.
func (c *http2Conn) checkUp(now time.Time) (late, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.health
	h.ticking = false
	if c.err != nil {
		return false, false
	}
	if !h.asked.IsZero() {
		if wait := h.asked.Add(c.cfg.pong).Sub(now); wait > 0 {
			c.tickLocked(wait)
			return false, false
		}
		if c.reads.Load() == h.readsThen {
			return true, false
		}
		c.trustLocked()
		answered = true
	}
	if len(c.streams) == 0 {
		return false, answered
	}
	if wait := h.heard.Add(c.silenceLocked(bornePings)).Sub(now); wait > 0 {
		c.tickLocked(wait)
	} else {
		c.askLocked(now)
	}
	return false, answered
}

// trustLocked takes in that the server is there.
func (c *http2Conn) trustLocked() {
	h := &c.health
	h.asked, h.ghosts, h.doubted = time.Time{}, 0, false
	c.setRoomLocked()
}

// pong takes in the answer to a PING.
func (c *http2Conn) pong(data [8]byte) {
	c.mu.Lock()
	h := &c.health
	ours := !h.asked.IsZero() && binary.BigEndian.Uint64(data[:]) == h.number
	if ours {
		c.trustLocked()
	}
	c.mu.Unlock()
	if ours {
		c.roomy()
	}
}

// restLocked ends the watch over a connection that has ended.
func (c *http2Conn) restLocked() {
	if c.health.timer != nil {
		c.health.timer.Stop()
	}
}
