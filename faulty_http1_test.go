package linger

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/lingerhttp/linger/internal/http1"
)

// What a faulty server does over HTTP/1.

// A request1 is one request as it stands on a faulty connection: its head was
// read, its body not.
type request1 struct {
	order
	*http.Request
	c *faultyConn
}

// An act1 is what becomes of one request. It reports whether the connection goes on.
type act1 struct {
	name   string
	weight int
	do     func(*request1) bool
}

func (a act1) weigh() int { return a.weight }

// acts1 are all that there are. Those with a blank name are no faults.
var acts1 = []act1{
	{"", 120, then(plain1)},
	{"", 40, then(chunked1)},
	{"", 10, then(trailed1)},
	{"", 10, then(closing1)},
	{"", 10, then(gzipped1)},
	{"delayed", 10, (*request1).delayed},
	{"split oddly", 10, (*request1).splitOddly},
	{"interim answers", 8, (*request1).interim},
	{"until close", 4, last(untilClose1)},
	{"HTTP/1.0", 4, last(http10)},
	{"HTTP/1.0, kept", 2, then(http10Kept)},
	{"chunked and a length", 2, last(bothLengths)},
	{"closed after the answer", 6, last(plain1)},
	{"reset after the answer", 3, (*request1).answeredAndReset},

	{"head read, then cut", 4, (*request1).cutAtOnce},
	{"some of the body read, then cut", 4, (*request1).cutInRequest},
	{"applied, then cut", 4, cutAfter(nothing1, 1)},
	{"cut in the head", 4, cutAfter(plain1, 40)},
	{"cut in the body", 4, cutAfter(plain1, 0)},
	{"cut in the chunks", 4, cutAfter(chunked1, 0)},
	{"cut in gzip", 2, cutAfter(gzipped1, 0)},
	{"reset where the end of the connection is the body's", 2, (*request1).untilReset},

	{"length too large", 3, last(tooLong1)},
	{"length too large, then silence", 1, (*request1).tooLongAndSilent},
	{"length too small", 3, then(tooShort1)},
	{"bad chunk size", 2, then(badChunk)},
	{"chunk size that overflows", 2, then(hugeChunk)},
	{"chunk without its end", 2, then(openChunk)},
	{"lengths that differ", 2, then(twoLengths)},
	{"a body where none can be", 2, then(bodyOf204)},
	{"no HTTP", 2, then(noHTTP)},
	{"a head without end", 2, then(endlessHead)},
	{"protocols switched unasked", 2, then(switched)},
	{"bytes behind the answer", 4, then(litter)},
	{"two answers", 4, (*request1).twoAnswers},

	{"answered early, body read", 6, (*request1).earlyKept},
	{"answered early, closed", 6, (*request1).earlyClosed},
	{"answered early, reset", 2, (*request1).earlyReset},
}

// idle1 is what may happen before a request comes.
var idle1 = []act1{
	{"", 80, nil},
	{"idle connection closed", 4, func(r *request1) bool { r.c.dawdle(); r.c.Close(); return false }},
	{"idle connection cut", 4, func(r *request1) bool { r.c.dawdle(); r.c.cut(); return false }},
	{"cut at the moment of reuse", 4, func(r *request1) bool { r.c.in.Peek(1); r.c.cut(); return false }},
	{"bytes while idle", 2, func(r *request1) bool { r.c.dawdle(); r.c.Write([]byte("garbage")); return true }},
	{"408 while idle", 2, func(r *request1) bool { r.c.dawdle(); r.c.Write([]byte(timeout1)); r.c.Close(); return false }},
}

const timeout1 = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// exchangeHTTP1 carries one exchange, and reports whether another one may follow.
func (c *faultyConn) exchangeHTTP1() bool {
	r := &request1{c: c}
	if idle := roll(c.dice, idle1); idle.do != nil {
		c.s.note(idle.name)
		if !idle.do(r) {
			return false
		}
	}
	req, err := http.ReadRequest(c.in)
	if err != nil {
		return false
	}
	r.Request, r.order = req, orderOf(req.Header.Get)
	act := roll(c.dice, acts1)
	if act.name != "" {
		c.s.note(act.name)
	}
	if !act.do(r) {
		return false
	}
	if req.Close {
		c.Close()
	}
	return !req.Close
}

// executed reads the request to its end and applies it. It reports whether all
// of it came.
func (r *request1) executed() bool {
	if r.Header.Get("Expect") != "" && r.c.dice.IntN(2) == 0 {
		r.c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	body, ok := whole(r.Body)
	if ok {
		r.c.s.apply(r.order, body)
	}
	return ok
}

// A speech makes the bytes of an answer.
type speech func(*request1) string

// then executes a request and gives the answer; the connection goes on.
func then(say speech) func(*request1) bool {
	return func(r *request1) bool {
		if !r.executed() {
			return false
		}
		_, err := r.c.Write([]byte(say(r)))
		return err == nil
	}
}

// last is then, and closes the connection.
func last(say speech) func(*request1) bool {
	return func(r *request1) bool {
		then(say)(r)
		r.c.Close()
		return false
	}
}

// cutAfter is then, and cuts the connection after so many bytes of the answer; 0
// is a random number of them in its body.
func cutAfter(say speech, n int) func(*request1) bool {
	return func(r *request1) bool {
		if r.executed() {
			text := say(r)
			at := min(n, len(text))
			if n == 0 {
				at = len(text) - 1 - r.c.dice.IntN(min(r.want, len(text)/2))
			}
			r.c.Write([]byte(text[:at]))
		}
		r.c.cut()
		return false
	}
}

// head1 begins an answer of n letters.
func (r *request1) head1(status string, fields ...string) string {
	lines := append([]string{"HTTP/1.1 " + status, fmt.Sprintf("X-Id: %d", r.id), fmt.Sprintf("X-Len: %d", r.want)}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func (r *request1) length(n int) string { return fmt.Sprintf("Content-Length: %d", n) }

const inChunks = "Transfer-Encoding: chunked"

func nothing1(*request1) string { return "" }

func plain1(r *request1) string { return r.head1("200 OK", r.length(r.want)) + string(r.answer()) }

func closing1(r *request1) string {
	r.Close = true // the loop ends with it
	return r.head1("200 OK", r.length(r.want), "Connection: close") + string(r.answer())
}

func gzipped1(r *request1) string {
	if r.Header.Get("Accept-Encoding") != "gzip" {
		r.c.s.t.Errorf("request %d accepts %q", r.id, r.Header["Accept-Encoding"])
	}
	body := gzipped(string(r.answer()))
	return r.head1("200 OK", r.length(len(body)), "Content-Encoding: gzip") + string(body)
}

// chunks cuts the answer's body into chunks of random sizes, without the last one.
func (r *request1) chunks() string {
	var b []byte
	for body := r.answer(); len(body) > 0; {
		n := min(len(body), 1+r.c.dice.IntN(1+len(body)))
		b = http1.AppendChunk(b, body[:n])
		body = body[n:]
	}
	return string(b)
}

func chunked1(r *request1) string { return r.head1("200 OK", inChunks) + r.chunks() + "0\r\n\r\n" }

func trailed1(r *request1) string {
	return r.head1("200 OK", inChunks, "Trailer: X-Sum") + r.chunks() + fmt.Sprintf("000;last\r\nX-Sum: %d\r\n\r\n", r.want)
}

func untilClose1(r *request1) string { return r.head1("200 OK") + string(r.answer()) }

func http10(r *request1) string {
	return strings.Replace(r.head1("200 OK"), "/1.1", "/1.0", 1) + string(r.answer())
}

func http10Kept(r *request1) string {
	return strings.Replace(r.head1("200 OK", r.length(r.want), "Connection: keep-alive"), "/1.1", "/1.0", 1) + string(r.answer())
}

// bothLengths: "If a message is received with both a Transfer-Encoding and a
// Content-Length header field, the Transfer-Encoding overrides the
// Content-Length" — RFC 9112 §6.3.
func bothLengths(r *request1) string {
	return r.head1("200 OK", r.length(3), inChunks) + r.chunks() + "0\r\n\r\n"
}

func tooLong1(r *request1) string {
	all := string(r.answer())
	r.want += 1 + r.c.dice.IntN(1000)
	return r.head1("200 OK", r.length(r.want)) + all
}

// tooShort1 tells the length that it says: more cannot be expected of a client.
func tooShort1(r *request1) string {
	all := string(r.answer())
	r.want /= 2
	return r.head1("200 OK", r.length(r.want)) + all + "!"
}

func badChunk(r *request1) string {
	return r.head1("200 OK", inChunks) + r.chunks() + "+1\r\nx\r\n0\r\n\r\n"
}

func hugeChunk(r *request1) string {
	return r.head1("200 OK", inChunks) + r.chunks() + "10000000000000001\r\nx\r\n0\r\n\r\n"
}

func openChunk(r *request1) string {
	return r.head1("200 OK", inChunks) + fmt.Sprintf("1\r\n%sx\r\n0\r\n\r\n", r.answer()[:1])
}

func twoLengths(r *request1) string {
	return r.head1("200 OK", r.length(r.want), r.length(r.want+1)) + string(r.answer()) + "x"
}

// bodyOf204: "Any response … with a 1xx, 204, or 304 status code is always
// terminated by the first empty line after the header fields" — RFC 9112 §6.3.
func bodyOf204(r *request1) string {
	body := string(r.answer()) + "!"
	r.want = 0
	return r.head1("204 No Content", r.length(len(body))) + body
}

func noHTTP(r *request1) string { return "220 mail ready\r\n" }
func endlessHead(r *request1) string {
	return "HTTP/1.1 200 OK\r\nA: " + string(alphabet[:faultyHead+10])
}

func switched(r *request1) string {
	return r.head1("101 Switching Protocols", "Connection: upgrade", "Upgrade: x")
}

func litter(r *request1) string {
	r.want = min(r.want, oneSegment)
	return plain1(r) + "litter"
}

// oneSegment is a size of body that one write puts into one segment, so that what
// is behind it is there when it is.
const oneSegment = 16 << 10

// delayed waits in three places.
func (r *request1) delayed() bool {
	r.c.dawdle()
	if !r.executed() {
		return false
	}
	r.c.dawdle()
	text := plain1(r)
	half := r.c.dice.IntN(len(text))
	r.c.Write([]byte(text[:half]))
	r.c.dawdle()
	_, err := r.c.Write([]byte(text[half:]))
	return err == nil
}

// splitOddly writes an answer in pieces, of which many are of one octet.
func (r *request1) splitOddly() bool {
	if !r.executed() {
		return false
	}
	text := []byte(chunked1(r))
	for range 100 {
		n := min(len(text), 1+r.c.dice.IntN(2)*r.c.dice.IntN(20))
		r.c.Write(text[:n])
		text = text[n:]
	}
	_, err := r.c.Write(text)
	return err == nil
}

func (r *request1) interim() bool {
	if r.c.dice.IntN(2) == 0 {
		r.c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	return then(func(r *request1) string {
		return "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + plain1(r)
	})(r)
}

func (r *request1) answeredAndReset() bool {
	then(plain1)(r)
	r.c.reset()
	return false
}

func (r *request1) cutAtOnce() bool {
	r.c.cut()
	return false
}

func (r *request1) cutInRequest() bool {
	if r.size < 2 {
		return r.cutAtOnce()
	}
	r.Body.Read(make([]byte, 1+r.c.dice.IntN(r.size-1)))
	r.c.cut()
	return false
}

func (r *request1) untilReset() bool {
	if r.executed() {
		text := untilClose1(r)
		r.c.Write([]byte(text))
	}
	r.c.reset()
	return false
}

func (r *request1) tooLongAndSilent() bool {
	then(tooLong1)(r)
	r.c.dawdle()
	r.c.hangUp()
	return false
}

// twoAnswers answers twice with one write, so that both are there when the first
// is read. Where others stand behind it, nobody could tell whose the second is.
func (r *request1) twoAnswers() bool {
	if r.c.s.pipelined {
		return then(plain1)(r)
	}
	r.want = min(r.want, oneSegment)
	return then(func(r *request1) string {
		return plain1(r) + "HTTP/1.1 200 OK\r\nX-Id: stray\r\nContent-Length: 5\r\n\r\nstray"
	})(r)
}

// early is an answer that does not wait for the request's body.
func early(r *request1, fields ...string) string {
	r.want = min(r.want, 100)
	return r.head1("413 Content Too Large", append(fields, r.length(r.want))...) + string(r.answer())
}

func (r *request1) earlyKept() bool {
	r.c.Write([]byte(early(r)))
	_, ok := whole(r.Body)
	return ok
}

func (r *request1) earlyClosed() bool {
	r.c.Write([]byte(early(r, "Connection: close")))
	r.c.Close()
	return false
}

func (r *request1) earlyReset() bool {
	r.c.Write([]byte(early(r)))
	r.c.reset()
	return false
}
