package linger

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
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
	hooks   hooks        // the caller's
	origin  origin
	route   route  // how it is reached: whose connections serve the exchange
	host    string // of the Host field
	target  string // of the request line
	length  int64  // of the request's body, -1 if it is not known
	traits  traits
	urgency uint8
	closes  bool // the request says that the connection ends with it
	last    bool // so it does in this try, as the connection's last
	gzip    bool // linger asks for gzip by itself, and decodes it

	wasSent      bool        // some of it was put on a connection, in whatever try
	mayBeApplied bool        // and the server may have applied it
	ended        bool        // guarded by mu
	clientSaw    atomic.Bool // http.Client was given the time to see that its Timeout is over

	proxyAuth string // the value of Proxy-Authorization, for a proxy that forwards

	endCtx context.CancelCauseFunc // ends ctx; nil if ctx is the request's own

	mu sync.Mutex // guards the record and ended: HTTP/2 and request bodies write it from other goroutines

	inline [4]timeline.Span // room for the spans of an ordinary exchange
}

// begin starts the record of a request that was handed over now.
func (t *Transport) begin(req *http.Request, now time.Time) *exchange {
	x := &exchange{t: t, req: req, ctx: req.Context(), body: bodyOf(req)}
	x.hooks = hooks{httptrace.ContextClientTrace(x.ctx)}
	x.Number = int(t.exchanges.Add(1))
	t.underWay.Add(1)
	x.Method = methodOf(req)
	x.Start = now
	x.Spans = x.inline[:0]
	x.Enter(timeline.Queue, timeline.Queued, now)
	x.gzip = t.asksForGzip(req)
	x.heedCancel()
	x.urgency = urgencyOf(req.Header)
	x.traits = traitsOf(req)
	return x
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

// answered takes in a head of the response, of so many octets, the first of
// which was there at first.
func (x *exchange) answered(head *http1.Response, size int, first time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return
	}
	x.Received.Header += int64(size)
	if x.final(head.Status) {
		x.Protocol, x.Status = head.Proto(), head.Status
		x.Enter(timeline.Receive, timeline.Unknown, first)
	}
}

// note adds a remark to the span under way.
func (x *exchange) note(text string) {
	if text == "" {
		return
	}
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
	x.last = s.last && !x.traits.alone
	if s.dial != nil {
		s.dial.tell(&x.Exchange)
	}
}

// end closes the record, once, and shows it to the observer.
func (x *exchange) end(err error) { x.endAt(time.Now(), 0, err) }

// endAt closes the record with the last octets of the body.
func (x *exchange) endAt(now time.Time, body int64, err error) {
	x.mu.Lock()
	if x.ended {
		x.mu.Unlock()
		return
	}
	x.Received.Body += body
	x.ended = true
	x.Finish(now, err)
	x.mu.Unlock()
	if x.endCtx != nil {
		x.endCtx(nil)
	}
	x.show()
	x.t.ended()
}

// fault is an error of the exchange as the caller gets it.
func (x *exchange) fault(step timeline.Phase, err error) *Error {
	return &Error{Step: step, Origin: x.origin.String(), Conn: x.Conn, Sent: x.wasSent, MayBeApplied: x.mayBeApplied, Err: err, exchange: &x.Exchange}
}

// bodyFault is an error in the response's body.
func (x *exchange) bodyFault(err error) *Error {
	e := x.fault(timeline.Receive, err)
	e.Sent, e.MayBeApplied = true, true
	return e
}

// failure wraps err as what the caller gets, and ends the record with it.
func (x *exchange) failure(step timeline.Phase, err error) error {
	e := x.fault(step, err)
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
