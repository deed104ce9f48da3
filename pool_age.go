package linger

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How old a connection may grow.

// A keepAlive is what a server says of how long it keeps a connection: the field
// "Keep-Alive: timeout=5, max=100" (RFC 2068 §19.7.1.1).
type keepAlive struct {
	timeout time.Duration // without an exchange; negative: not said
	more    int           // exchanges that may follow; negative: not said
}

// keepAliveOf reads the field, nil if there is none.
func keepAliveOf(h http.Header) *keepAlive {
	lines := h["Keep-Alive"]
	if len(lines) == 0 {
		return nil
	}
	k := &keepAlive{timeout: -1, more: -1}
	for _, line := range lines {
		for item := range listItems(line) {
			name, value, _ := strings.Cut(item, "=")
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
			switch {
			case err != nil:
			case strings.EqualFold(strings.TrimSpace(name), "timeout"):
				k.timeout = time.Duration(n) * time.Second
			case strings.EqualFold(strings.TrimSpace(name), "max"):
				k.more = int(n)
			}
		}
	}
	return k
}

// hintMargin is how much sooner than the server a connection is given up that
// the server closes after a time: a request must be there before that, and the
// server has begun to count when the answer left it, so that a whole round trip
// is to be taken off; servers also count in whole seconds. Of a short time half
// is left.
const hintMargin = time.Second

// heed makes a connection's life as short as its server says.
func (pc *pooled) heed(k keepAlive, most time.Duration) {
	if k.timeout >= 0 {
		pc.keep = max(1, k.timeout-min(hintMargin, k.timeout/2))
		if most > 0 {
			pc.keep = min(pc.keep, most)
		}
	}
	if k.more >= 0 && (pc.life == 0 || pc.used+k.more < pc.life) {
		pc.life = pc.used + k.more
	}
}

// idleFor is how long a connection has been idle, by the clock that says more:
// the monotonic one may stand still while a machine sleeps, and the server's does
// not.
func idleFor(since, now time.Time) time.Duration {
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)))
}

// expired says why a connection must take no further exchange; empty if it may.
func (pc *pooled) expired(now time.Time) CloseReason {
	switch {
	case !pc.retireAt.IsZero() && !now.Before(pc.retireAt):
		return CloseAge
	case pc.inFlight == 0 && pc.keep > 0 && idleFor(pc.lastUsed, now) >= pc.keep:
		return CloseIdle
	}
	return ""
}
