package http1

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/http"
)

const (
	// maxChunkLine bounds the line in front of a chunk, its CRLF included. It is
	// net/http's bound.
	maxChunkLine = 4096

	// maxExtensions bounds the octets of the extensions of a body, in so far as
	// they are more than those of its content: "A server ought to limit the total
	// length of chunk extensions received in a request to an amount reasonable
	// for the services provided"
	// (https://www.rfc-editor.org/rfc/rfc9112#section-7.1.1). An absolute bound
	// would forbid a long body to carry a signature with each of its chunks.
	maxExtensions = 16 << 10

	defaultMaxTrailer = 64 << 10
)

// Chunks takes the chunked coding off a body
// (https://www.rfc-editor.org/rfc/rfc9112#section-7.1), however its octets are
// cut into pieces. The zero value is ready for one body.
type Chunks struct {
	// MaxTrailer bounds the trailer section, in octets; 0 means 64 KiB.
	MaxTrailer int

	state      chunkState
	left       int64 // in a size: its value so far; in content: octets to come
	line       int   // octets of the chunk line so far; in the trailer: where its last line begins
	extensions int64 // octets of all extensions so far
	content    int64 // octets of all chunks begun so far
	offset     int64 // octets consumed, for errors
	trailer    []byte
	fields     http.Header
	err        error
}

// A chunkState says which octet is wanted next.
type chunkState uint8

const (
	wantSize      chunkState = iota // the first digit of a chunk size
	wantDigit                       // another one, or what may stand behind it
	wantSemicolon                   // whitespace behind the size, then ";" or CR
	wantExtension                   // what stands behind the ";", up to CR
	wantLineLF                      // the LF of the chunk line
	wantContent                     // content
	wantDataCR                      // the CR behind it
	wantDataLF                      // the LF behind it
	wantTrailer                     // the trailer section
	wantNothing                     // the body is over
)

// Next takes octets from b: the first n were consumed, and data is the part of
// them that is content, perhaps empty. Framing behind the content is consumed as
// far as it stands in b, so that the end of the body is seen with its last
// content. It consumes nothing only if b is empty, the body is done or there is
// an error. Content that stands before the fault is returned first; the fault's
// octet is left in b and the next call returns the error.
//
// The error is a [*SyntaxError] or has [ErrTooLarge] in its chain; it stays.
func (c *Chunks) Next(b []byte) (n int, data []byte, err error) {
	for n < len(b) && c.err == nil && c.state != wantNothing {
		taken := 0
		switch c.state {
		case wantContent:
			if data != nil {
				return n, data, nil
			}
			taken = int(min(c.left, int64(len(b)-n)))
			data = b[n : n+taken]
			c.takeContent(int64(taken))
		case wantTrailer:
			taken, c.err = c.takeTrailer(b[n:])
		default:
			taken, c.err = 1, c.takeFraming(b[n])
		}
		if c.err != nil {
			break
		}
		n += taken
		c.offset += int64(taken)
	}
	if data != nil {
		return n, data, nil
	}
	return n, nil, c.err
}

// Remaining returns how many octets of content are still to come of the chunk
// under way, 0 between chunks. A reader may take up to so many straight from its
// connection, once what it has buffered is used up, and then say so to Skip.
func (c *Chunks) Remaining() int64 {
	if c.state != wantContent {
		return 0
	}
	return c.left
}

// Skip says that n octets of content were taken elsewhere. It panics if n is
// negative or more than Remaining.
func (c *Chunks) Skip(n int64) {
	if n < 0 || n > c.Remaining() {
		panic(fmt.Sprintf("http1: Skip(%d) with %d octets remaining of the chunk", n, c.Remaining()))
	}
	if n > 0 {
		c.takeContent(n)
		c.offset += n
	}
}

// Done reports whether the body is over, its trailer section included.
func (c *Chunks) Done() bool { return c.state == wantNothing }

// Trailer returns the fields of the trailer section, once Done; nil if there are
// none. Fields that must not stand there are left out.
func (c *Chunks) Trailer() http.Header { return c.fields }

func (c *Chunks) takeContent(n int64) {
	if c.left -= n; c.left == 0 {
		c.state = wantDataCR
	}
}

// takeFraming takes one octet that is neither content nor trailer.
func (c *Chunks) takeFraming(b byte) error {
	switch c.state {
	case wantDataCR:
		if b != '\r' {
			return c.fail("no CRLF behind the data of a chunk")
		}
		c.state = wantDataLF
		return nil
	case wantDataLF:
		if b != '\n' {
			return c.fail("no CRLF behind the data of a chunk")
		}
		c.state, c.line = wantSize, 0
		return nil
	}
	if c.line == maxChunkLine {
		return tooLarge("chunk line", maxChunkLine, c.offset)
	}
	c.line++
	return c.takeLine(b)
}

// takeLine takes one octet of a chunk line.
//
// Lines of the chunked coding end with CRLF and nothing else: that a lone LF may
// stand for it holds for "the start-line and fields" only
// (https://www.rfc-editor.org/rfc/rfc9112#section-2.2,
// https://www.rfc-editor.org/errata/eid7633).
func (c *Chunks) takeLine(b byte) error {
	digit := -1
	if c.state <= wantDigit {
		digit = hexDigit(b)
	}
	switch {
	case digit >= 0:
		return c.takeDigit(int64(digit))
	case c.state == wantSize:
		return c.fail("no chunk size")
	case c.state == wantLineLF && b == '\n':
		c.endLine()
		return nil
	case c.state == wantLineLF:
		return c.fail("bare CR in chunk line")
	case b == '\r':
		c.state = wantLineLF
		return nil
	case b == '\n':
		return c.fail("chunk line ends with a lone LF")
	}
	return c.takeExtension(b)
}

// takeDigit takes a digit of a chunk size: "recipients MUST anticipate
// potentially large hexadecimal numerals and prevent parsing errors due to
// integer conversion overflows or precision loss due to integer representation"
// (https://www.rfc-editor.org/rfc/rfc9112#section-7.1).
func (c *Chunks) takeDigit(digit int64) error {
	if c.state == wantSize {
		c.state, c.left = wantDigit, 0
	}
	if c.left > math.MaxInt64>>4 {
		return c.fail("chunk size that overflows")
	}
	c.left = c.left<<4 | digit
	return nil
}

// takeExtension takes an octet between chunk size and CR. "A recipient MUST
// ignore unrecognized chunk extensions"
// (https://www.rfc-editor.org/rfc/rfc9112#section-7.1.1), and none is recognized
// here. Whitespace without an extension behind it is not in the grammar, but
// there are servers that pad their sizes.
func (c *Chunks) takeExtension(b byte) error {
	switch {
	case isControl(b):
		return c.fail(fmt.Sprintf("octet 0x%02x in chunk line", b))
	case c.state == wantExtension:
	case b == ';':
		c.state = wantExtension
	case isOWS(b):
		c.state = wantSemicolon
	default:
		return c.fail(fmt.Sprintf("octet 0x%02x behind chunk size", b))
	}
	if c.extensions++; c.extensions-c.content > maxExtensions {
		return tooLarge("chunk extensions beyond the content", maxExtensions, c.offset)
	}
	return nil
}

// endLine ends a chunk line: content follows, or the trailer section.
func (c *Chunks) endLine() {
	if c.left > 0 {
		c.state = wantContent
		c.content += c.left
		return
	}
	c.state, c.line = wantTrailer, 0
}

// takeTrailer takes octets of the trailer section, at most up to the end of a
// line, and returns how many.
func (c *Chunks) takeTrailer(b []byte) (int, error) {
	if len(c.trailer) == 0 && bytes.HasPrefix(b, []byte("\r\n")) {
		c.state = wantNothing
		return 2, nil
	}
	n := bytes.IndexByte(b, '\n') + 1
	ended := n > 0
	if !ended {
		n = len(b)
	}
	if limit := c.maxTrailer(); len(c.trailer)+n > limit {
		start := c.offset - int64(len(c.trailer))
		return 0, tooLarge("trailer section", limit, start+int64(limit))
	}
	c.trailer = append(c.trailer, b[:n]...)
	if !ended {
		return n, nil
	}
	if line := c.trailer[c.line:]; line[0] != '\n' && string(line) != "\r\n" {
		c.line = len(c.trailer)
		return n, nil
	}
	return n, c.endTrailer(c.offset + int64(n-len(c.trailer)))
}

// endTrailer reads the trailer section, which began at octet start.
func (c *Chunks) endTrailer(start int64) error {
	s := section{in: "trailer section", b: c.trailer, s: string(c.trailer), strict: true}
	fields, err := s.fields()
	if fault := (*SyntaxError)(nil); errors.As(err, &fault) {
		fault.Offset += int(start)
	}
	if err != nil {
		return err
	}
	for name := range fields {
		if !trailerMayHold(name) {
			delete(fields, name)
		}
	}
	if len(fields) > 0 {
		c.fields = fields
	}
	c.state, c.trailer = wantNothing, nil
	return nil
}

func (c *Chunks) maxTrailer() int {
	if c.MaxTrailer == 0 {
		return defaultMaxTrailer
	}
	return c.MaxTrailer
}

func (c *Chunks) fail(what string) error {
	return &SyntaxError{In: "chunked body", What: what, Offset: int(c.offset)}
}

// tooLarge says that what was bounded by limit went on at octet offset.
func tooLarge(what string, limit int, offset int64) error {
	return fmt.Errorf("chunked body: %w: %s of more than %d octets at octet %d", ErrTooLarge, what, limit, offset)
}

// hexDigit returns the value of a hexadecimal digit, or -1.
func hexDigit(b byte) int {
	switch {
	case isDigit(b):
		return int(b - '0')
	case 'a' <= b && b <= 'f':
		return int(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}
