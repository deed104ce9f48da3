package exchange

import (
	"net/http"
	"slices"
)

// A pairing is which response answers which request. Responses come in the order of
// the requests: "A server MAY process a sequence of pipelined requests in parallel
// […] but it MUST send the corresponding responses in the same order that the requests
// were received", https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2. While nothing
// is lost, that tells all. After a loss it is unsure: responses are loose until it can
// be told to which requests they belong.
type pairing struct {
	open     []*pair // in the order of the requests, not told yet
	answered int     // so many of open have what response they will ever have
	loose    []*part // responses that have no request yet
	unsure   bool

	// depth is the most requests that the client was seen to have under way at once.
	depth int
	asked int64 // up to where the server's bytes went when the last request began
}

// A pair is one request and its response. One of them may be nil.
type pair struct {
	q, r  *part
	lost  bool   // it has no response in the capture, and will have none
	doubt bool   // its response may be another's
	note  string // what it led to
}

// How many requests, and loose responses, may wait. Where a capture has no bytes of
// the server at all, few need to.
const (
	maxPending    = 10_000
	maxUnanswered = 64
	maxLoose      = 512
)

// serial says whether the client waits for each response before it sends the next
// request, as far as was seen.
func (p *pairing) serial() bool { return p.depth <= 1 }

// requestBegins says that a request has begun.
func (r *http1Reader) requestBegins(p *part) {
	unseen := p.acked > r.halves[1].last.to
	r.learnDepth(p, unseen)
	waits := unseen && len(r.open) > r.answered // for a response behind a hole, which is still to be told of
	if r.unsure && r.serial() && !waits {
		later := r.later(p)
		r.settle(len(r.loose), len(later) == 0)
		r.unsure = len(later) > 0
		r.loose = append(r.loose, later...)
	}
	p.placed = true
	r.open = append(r.open, &pair{q: p})
	if len(r.open)-r.answered > r.maxPending() {
		r.giveUp()
	}
}

// later takes those of the loose responses out that were sent when the server had a
// request already: they are to others behind a hole, which are still to be told of.
func (r *http1Reader) later(p *part) []*part {
	n := slices.IndexFunc(r.loose, func(l *part) bool { return l.acked > p.Start() })
	if n < 0 {
		return nil
	}
	later := slices.Clone(r.loose[n:])
	r.loose = r.loose[:n]
	return later
}

// learnDepth sees how many requests are under way. Bytes that the client had and the
// capture has not seen may have been the responses to all.
func (r *http1Reader) learnDepth(p *part, unseen bool) {
	had := p.acked // of the server's bytes
	if had < 0 {
		had = r.halves[1].last.to
	}
	n := len(r.open) - r.answered
	if r.answered > 0 && !r.open[r.answered-1].over() {
		n++
	}
	switch {
	case unseen || !p.seen():
	case !r.unsure:
		r.depth = max(r.depth, n+1)
	case r.asked == had && n > 0:
		r.depth = max(r.depth, 2)
	}
	r.asked = had
}

// maxPending is how many requests may wait for their responses.
func (r *http1Reader) maxPending() int {
	if r.oneSided() {
		return maxUnanswered
	}
	return maxPending
}

// giveUp makes room: the first request that waits is told without a response.
func (r *http1Reader) giveUp() {
	r.settle(len(r.loose), false)
	if len(r.open)-r.answered > r.maxPending() {
		r.open[r.answered].lost = true
		r.answered++
		r.unsure = true
	}
}

// responseBegins says that a response's head was read, and asks for the method of its
// request. It may not be known; then GET is as good a guess as any.
func (r *http1Reader) responseBegins(p *part) (method string, known bool) {
	r.assign(p)
	if r.unsure && r.mayChange(p) {
		r.settle(len(r.loose), true)
		r.unsure = r.halves[0].lost.open
	}
	if q := r.pairOf(p); q != nil {
		if q.q == nil {
			return "", false
		}
		return q.q.asked.method, q.q.asked.method != ""
	}
	for _, q := range r.open[r.answered:] {
		if q.q.asked.method == "" || q.q.asked.method == http.MethodHead {
			return "", false
		}
	}
	return "", !r.halves[0].lost.open && r.answered < len(r.open)
}

// mayChange says whether the protocol may change behind a response.
func (r *http1Reader) mayChange(p *part) bool {
	if p.answer.status == http.StatusSwitchingProtocols {
		return true
	}
	q := r.newest()
	return p.answer.status/100 == 2 && q != nil && q.q != nil && q.q.asked.method == http.MethodConnect
}

// assign gives a response to the first request that has none; if it is not sure which
// that is, the response stays loose.
func (r *http1Reader) assign(p *part) {
	p.placed = true
	if r.answered == len(r.open) && p.acked > r.halves[0].last.to {
		r.unsure = true // its request stands behind a hole, and is still to be told of
	}
	switch {
	case r.unsure:
		r.loose = append(r.loose, p)
		if len(r.loose) > maxLoose {
			r.settle(maxLoose/2, false)
		}
		return
	case r.answered < len(r.open):
		r.open[r.answered].r = p
	default:
		r.open = append(r.open, &pair{r: p})
	}
	r.answered++
}

// newest is the pair of the last request, nil if it was told.
func (p *pairing) newest() *pair {
	if len(p.open) == 0 {
		return nil
	}
	return p.open[len(p.open)-1]
}

// pairOf is the pair of a response, nil if it is loose.
func (p *pairing) pairOf(r *part) *pair {
	for i := min(p.answered, len(p.open)) - 1; i >= 0; i-- {
		if p.open[i].r == r {
			return p.open[i]
		}
	}
	return nil
}

// over says that no more will come of the pair.
func (q *pair) over() bool {
	return (q.q == nil || q.q.over) && (q.lost || q.r != nil && q.r.over)
}

// tellAll tells of the exchanges that are over, in their order.
func (r *http1Reader) tellAll() {
	both := r.halves[0].done && r.halves[1].done
	n := 0
	for n < len(r.open) && (both || r.open[n].over() || r.halves[1].done && r.open[n].unanswered()) {
		r.tellOf(r.open[n])
		n++
	}
	if n > 0 {
		clear(r.open[:n])
		r.open = r.open[n:]
		r.answered = max(r.answered-n, 0)
	}
}

// unanswered says that the request is over and has no response so far.
func (q *pair) unanswered() bool { return q.r == nil && q.q.over }

// tellOf tells of a pair of which anything was seen.
func (r *http1Reader) tellOf(q *pair) {
	if q.q.seen() || q.r.seen() {
		r.tell(r.exchange(q))
	}
}
