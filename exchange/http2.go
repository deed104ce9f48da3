package exchange

import "github.com/lingerhttp/linger/flow"

// An http2 reads HTTP/2 from both directions of a connection in clear.
type http2 struct {
	tell func(*Exchange)
	nth  int
}

// newHTTP2 begins with the client's preface, or wherever the capture begins. Each
// exchange is told when it has ended or nothing more of it can come, with all but
// Conn, Secure and Lookup; Nth counts from 1.
func newHTTP2(tell func(*Exchange)) *http2 { return &http2{tell: tell} }

// upgraded says that a request in HTTP/1.1 led here by "Upgrade: h2c": it is stream
// 1's, and the client has sent all of it. Its response, and the telling of it, are
// this reader's from here. Others count on from its Nth.
func (h *http2) upgraded(e *Exchange) {}

func (h *http2) data(d flow.Dir, c chunk) {}

func (h *http2) missing(d flow.Dir, m hole) {}

func (h *http2) end(d flow.Dir, at int64, how flow.How) {}

// isHTTP2 says whether b, possibly short, is the start of HTTP/2's client preface:
// RFC 9113 §3.4. An empty b is not.
func isHTTP2(b []byte) bool { return false }
