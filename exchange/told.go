package exchange

import (
	"strings"

	"github.com/lingerhttp/linger/flow"
)

// exchange makes of a pair what others see.
func (r *http1Reader) exchange(q *pair) *Exchange {
	r.nth++
	e := &Exchange{Nth: r.nth, Problem: r.problem(q), Note: q.note}
	if q.q != nil {
		e.Request = q.q.message()
		e.Method, e.Protocol = q.q.asked.method, q.q.proto
		e.URL = r.url(q.q.asked)
	}
	if q.r != nil {
		e.Response = q.r.message()
		e.Interim, e.Status, e.Header = q.r.answer.interim, q.r.answer.status, q.r.answer.header
		if q.r.proto != "" {
			e.Protocol = q.r.proto
		}
	}
	return e
}

// message is what others see of it: nothing, if nothing was seen.
func (p *part) message() Message {
	if !p.seen() && p.Last == 0 {
		return Message{}
	}
	return p.Message
}

// problem says what is wrong with a pair: halves of sentences, joined.
func (r *http1Reader) problem(q *pair) string {
	var all []string
	add := func(what string) {
		if what != "" {
			all = append(all, what)
		}
	}
	if q.q == nil {
		add("its request is not in the capture")
	} else {
		add(q.q.problem("request"))
	}
	switch {
	case q.r != nil:
		add(q.r.problem("response"))
	case q.lost || r.oneSided():
		add("its response is not in the capture")
	default:
		add(unanswered[r.how[flow.Down]])
	}
	if q.doubt {
		add("its response may be that of another request: some before it are not in the capture")
	}
	return strings.Join(all, "; ")
}

var unanswered = [...]string{
	flow.Open:  "the capture ends before its response",
	flow.ByFIN: "the server ended the connection without a response to it",
	flow.ByRST: "the connection was reset before its response",
}

// oneSided says that the capture has the client's packets only.
func (r *http1Reader) oneSided() bool {
	return r.conn != nil && r.conn.Sides[flow.Up].Packets > 0 && r.conn.Sides[flow.Down].Packets == 0
}

// url is the absolute URL of a request, as far as it can be told:
// https://www.rfc-editor.org/rfc/rfc9112#section-3.3.
func (r *http1Reader) url(a asked) string {
	host := a.host
	if host == "" && r.conn != nil && r.conn.Server.IsValid() {
		host = r.conn.Server.String()
	}
	switch {
	case a.target == "*" && host != "":
		return r.scheme + "://" + host
	case !strings.HasPrefix(a.target, "/") || host == "":
		return a.target
	}
	return r.scheme + "://" + host + a.target
}
