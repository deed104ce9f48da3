package linger

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// An exchange is one request on its way through the Transport: the record of
// what happens to it, and what is needed to carry it. Whoever does the work
// writes its span.
type exchange struct {
	timeline.Exchange

	t       *Transport
	req     *http.Request
	ctx     context.Context
	body    *requestBody // nil if the request has none; a new one for each try that needs it
	traits  traits
	urgency int
	origin  origin

	mu    sync.Mutex // guards the record: HTTP/2 and request bodies write it from other goroutines
	ended bool

	inline [6]timeline.Span // room for the spans of an ordinary exchange
}

// traits are what decides whether a request may be sent again.
type traits struct {
	idempotent bool
	hasBody    bool
	alone      bool // nothing may be written behind it: the connection will not be the same after it
	rewindable bool // it has no body, or GetBody makes a new one
}

// begin starts the record of a request that was handed over now.
func (t *Transport) begin(req *http.Request, now time.Time) *exchange {
	x := &exchange{t: t, req: req, ctx: req.Context(), body: bodyOf(req)}
	x.Number = int(t.exchanges.Add(1))
	x.Method = methodOf(req)
	x.Start = now
	x.Spans = x.inline[:0]
	x.Enter(timeline.Queue, timeline.Queued, now)
	if req.URL != nil {
		x.URL = req.URL.String()
	}
	x.urgency = urgencyOf(req.Header)
	x.traits = traitsOf(req)
	return x
}

func methodOf(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

// traitsOf looks at a request's method and body.
//
// "A user agent MUST NOT automatically retry a request with a non-idempotent
// method unless it has some means to know that the request semantics are
// actually idempotent" — RFC 9110 §9.2.2. A field Idempotency-Key is such a means.
func traitsOf(req *http.Request) traits {
	var tr traits
	switch methodOf(req) {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		tr.idempotent = true
	default:
		_, a := req.Header["Idempotency-Key"]
		_, b := req.Header["X-Idempotency-Key"]
		tr.idempotent = a || b
	}
	tr.alone = req.Close || req.Method == "CONNECT" || len(req.Header["Upgrade"]) > 0 || http1.HasToken(req.Header["Connection"], "close")
	tr.hasBody = req.Body != nil && req.Body != http.NoBody
	tr.rewindable = !tr.hasBody || req.GetBody != nil
	return tr
}

// Urgencies of RFC 9218 §4.1: 0 is served first, 3 is the default, 7 is last.
const (
	defaultUrgency = 3
	lastUrgency    = 7
)

// urgencyOf reads the urgency parameter of a Priority field (RFC 9218 §4).
func urgencyOf(h http.Header) int {
	for _, v := range h["Priority"] {
		for part := range strings.SplitSeq(v, ",") {
			if u, ok := strings.CutPrefix(strings.TrimSpace(part), "u="); ok && len(u) == 1 && u[0] >= '0' && u[0] <= '0'+lastUrgency {
				return int(u[0] - '0')
			}
		}
	}
	return defaultUrgency
}

// enter begins a span now.
func (x *exchange) enter(p timeline.Phase, c timeline.Cause) { x.enterAt(p, c, time.Now()) }

func (x *exchange) enterAt(p timeline.Phase, c timeline.Cause, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		x.Enter(p, c, at)
	}
}

// note adds a remark to the span under way.
func (x *exchange) note(text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		x.Note(text)
	}
}

// phase is what the exchange is at.
func (x *exchange) phase() timeline.Phase {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.Spans[len(x.Spans)-1].Phase
}

// carriedBy notes which connection a slot put the exchange on. A dial that it
// is the first to profit from is told as its own: that is who paid for it.
func (x *exchange) carriedBy(s slot) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.Tries++
	x.Conn, x.Nth, x.Reason = s.conn.about(), s.nth, s.reason
	if s.dial != nil {
		s.dial.tell(&x.Exchange)
	}
}

// end closes the record, once, and shows it to the observer.
func (x *exchange) end(err error) {
	now := time.Now()
	x.mu.Lock()
	if x.ended {
		x.mu.Unlock()
		return
	}
	x.ended = true
	x.Finish(now, err)
	x.mu.Unlock()
	if x.t.Observe != nil {
		x.t.Observe(&x.Exchange)
	}
}

// failure wraps err as what the caller gets, and ends the record with it.
func (x *exchange) failure(step timeline.Phase, sent bool, err error) error {
	e := &Error{Step: step, Origin: x.origin.String(), Sent: sent, Err: err, exchange: &x.Exchange}
	x.end(e)
	return e
}

// rewind makes the request's body ready to be sent once more.
func (x *exchange) rewind() error {
	x.body.Close()
	body, err := x.req.GetBody()
	if err != nil {
		return fmt.Errorf("making the request body anew: %w", err)
	}
	x.body = &requestBody{body: body}
	return nil
}

// An endedBody is the body of a response that has none: the exchange is over
// when it is handed out.
type endedBody struct{ x *exchange }

func (endedBody) Read([]byte) (int, error)       { return 0, io.EOF }
func (endedBody) Close() error                   { return nil }
func (b endedBody) Timeline() *timeline.Exchange { return &b.x.Exchange }
