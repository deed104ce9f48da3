package exchange

import "github.com/lingerhttp/linger/flow"

// A chunk is a run of bytes in clear, with where they stand in the TCP stream of
// their direction. In clear text to-from is len(b). What TLS carried stands in its
// records: there the bytes of a record share its range, header and tag included, so
// that to-from is more than len(b). The bytes are the receiver's until it returns.
type chunk struct {
	b        []byte
	from, to int64
	at       int64 // when they came, in nanoseconds since 1970
	whole    int64 // when they could be read: in TLS, when all of their record had come
	packet   int32
}

// offset is where in the TCP stream byte i of the chunk begins, pro rata; that of
// len(b) is the chunk's end.
func (c *chunk) offset(i int) int64 {
	if i == len(c.b) {
		return c.to
	}
	if c.to-c.from == int64(len(c.b)) {
		return c.from + int64(i)
	}
	return c.from + (c.to-c.from)*int64(i)/int64(len(c.b))
}

// behind is the chunk without its first n bytes.
func (c chunk) behind(n int) chunk {
	from := c.offset(n)
	c.b, c.from = c.b[n:], from
	return c
}

// first is the first n bytes of the chunk.
func (c chunk) first(n int) chunk {
	to := c.offset(n)
	c.b, c.to = c.b[:n], to
	return c
}

// A hole is a run of bytes that are not in the capture, though the receiver has
// them: from and to stand in the TCP stream. n is how many bytes in clear were in
// it, -1 if that is not known; in clear text it is to-from.
type hole struct {
	from, to int64
	n        int64
	at       int64
	packet   int32
}

// A reader reads messages from bytes in clear: of a connection itself, of the
// records of TLS, or of a tunnel.
type reader interface {
	// data takes bytes. They follow those before, up to holes that were told.
	data(d flow.Dir, c chunk)

	// missing says what is not there.
	missing(d flow.Dir, h hole)

	// end says that the direction has ended, once.
	end(d flow.Dir, at int64, how flow.How)
}

// An inClear is the Sink of a connection without TLS.
type inClear struct{ r reader }

func (s inClear) Data(d flow.Dir, offset int64, b []byte, at int64, packet int32) {
	s.r.data(d, chunk{b: b, from: offset, to: offset + int64(len(b)), at: at, whole: at, packet: packet})
}

func (s inClear) Missing(d flow.Dir, offset, n int64, at int64, packet int32) {
	s.r.missing(d, hole{from: offset, to: offset + n, n: n, at: at, packet: packet})
}

func (s inClear) End(d flow.Dir, at int64, how flow.How) { s.r.end(d, at, how) }
