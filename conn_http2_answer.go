package linger

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The heads of responses, interim and final, and trailers.

// A headBlock is a field block on its way in: HEADERS and the CONTINUATION behind
// it (RFC 9113 §4.3). It is decoded whatever becomes of its stream: "all field
// blocks … MUST be decoded" to keep HPACK's state.
type headBlock struct {
	id      uint32
	end     bool // END_STREAM
	size    int  // octets of frames so far
	frames  int
	limit   int // octets of fields that are taken in
	fields  []hpack.HeaderField
	listed  int    // octets of fields so far, as SETTINGS_MAX_HEADER_LIST_SIZE counts
	wrong   string // what is malformed, the first of it
	regular bool   // a field that is no pseudo one was seen
}

// begin makes the block ready for another one.
func (b *headBlock) begin(id uint32, end bool, limit int) {
	clear(b.fields)
	*b = headBlock{id: id, end: end, limit: limit, fields: b.fields[:0]}
}

// add takes in one field, and finds what is malformed: RFC 9113 §8.2.1, §8.2.2,
// §8.3.
func (b *headBlock) add(f hpack.HeaderField) {
	if b.listed += len(f.Name) + len(f.Value) + fieldOverhead; b.listed > b.limit {
		return
	}
	switch {
	case b.wrong != "":
		return
	case f.IsPseudo():
		if b.regular {
			b.wrong = "a pseudo field behind others"
		}
	case !validName(f.Name):
		b.wrong = fmt.Sprintf("the field name %q", f.Name)
	case connectionField(f.Name):
		// "Any message containing connection-specific header fields MUST be treated as
		// malformed" — §8.2.2.
		b.wrong = "the field " + f.Name + ", which HTTP/2 does not have"
	}
	if b.wrong == "" && !httpguts.ValidHeaderFieldValue(f.Value) {
		b.wrong = "the value of the field " + strconv.Quote(f.Name)
	}
	b.regular = b.regular || !f.IsPseudo()
	b.fields = append(b.fields, f)
}

// validName says whether a field's name is one: "A field name MUST NOT contain
// characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff" — RFC 9113 §8.2.1.
func validName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return httpguts.ValidHeaderFieldName(name)
}

// headersFrame takes in HEADERS.
func (c *http2Conn) headersFrame(f *http2.HeadersFrame) error {
	c.block.begin(f.StreamID, f.StreamEnded(), c.cfg.headerList)
	return c.fragment(f.HeaderBlockFragment(), f.Header(), f.HeadersEnded())
}

// fragment takes in a piece of a field block. The whole is bounded, by twice what
// its fields may have and by the number of frames (CVE-2023-45288).
func (c *http2Conn) fragment(p []byte, head http2.FrameHeader, last bool) error {
	b := &c.block
	b.size += frameHead + int(head.Length)
	if b.frames++; b.size > 2*c.cfg.headerList+initialFrame || b.frames > maxFragments+c.cfg.headerList/initialFrame {
		c.tooLarge(b.id)
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	if _, err := c.dec.Write(p); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	if !last {
		return nil
	}
	if err := c.dec.Close(); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	return c.fieldBlock(b)
}

// maxFragments is how many frames a field block may have, besides those it needs.
const maxFragments = 16

// tooLarge tells a stream that its head is, before its connection ends for it.
func (c *http2Conn) tooLarge(id uint32) {
	if st, _ := c.find(id); st != nil {
		st.mu.Lock()
		st.err = ErrHeaderTooLarge
		st.mu.Unlock()
	}
}

// fieldBlock takes in a whole field block.
func (c *http2Conn) fieldBlock(b *headBlock) error {
	st, err := c.find(b.id)
	if st == nil {
		return err
	}
	c.mu.Lock()
	st.received.Header += int64(b.size)
	recvEnd := st.recvEnd
	c.mu.Unlock()
	malformed := func(what string) error {
		return http2.StreamError{StreamID: b.id, Code: http2.ErrCodeProtocol, Cause: errors.New(what)}
	}
	switch {
	case recvEnd:
		return http2.StreamError{StreamID: b.id, Code: http2.ErrCodeStreamClosed, Cause: errors.New("HEADERS after the end of the stream")}
	case b.listed > st.headRoom:
		c.forget(st, http2.ErrCodeCancel, false, false)
		st.fail(ErrHeaderTooLarge, processed)
		c.list(st)
		return nil
	case b.wrong != "":
		return malformed("malformed header: " + b.wrong)
	case st.headed:
		return c.trailers(st, b)
	}
	if !st.begun {
		st.begun = true
		st.x.hooks.gotFirstResponseByte()
	}
	st.headRoom -= b.listed
	status, ok := b.status()
	switch {
	case !ok:
		return malformed("malformed header: no valid :status")
	case status < 200 && (b.end || status == http.StatusSwitchingProtocols):
		// "HTTP/2 removes support for the 101 (Switching Protocols) informational
		// status code" — RFC 9113 §8.6.
		return malformed(fmt.Sprintf("an interim response with status %d that ends the stream or switches protocols", status))
	case status < 200:
		return c.interim(st, b, status)
	}
	return c.final(st, b, status)
}

// status reads the only pseudo field of a response.
func (b *headBlock) status() (code int, ok bool) {
	for i, f := range b.fields {
		if !f.IsPseudo() {
			break
		}
		if f.Name != ":status" || i > 0 || len(f.Value) != 3 {
			return 0, false
		}
		n, err := strconv.ParseUint(f.Value, 10, 16)
		if err != nil || n < 100 {
			return 0, false
		}
		code = int(n)
	}
	return code, code > 0
}

// interim takes in a 1xx response. An error of the caller's hook ends the stream.
func (c *http2Conn) interim(st *stream, b *headBlock, status int) error {
	var err error
	if st.x.hooks.ClientTrace != nil {
		err = st.x.hooks.got1xx(status, textproto.MIMEHeader(b.header()), expects(st.x.req))
	}
	if st.x.hooks.takes1xx() {
		st.headRoom = c.cfg.headerList // their number is the caller's to bound
	}
	if err != nil {
		c.forget(st, http2.ErrCodeCancel, false, false)
		st.fail(err, processed)
		c.list(st)
		return nil
	}
	st.mu.Lock()
	st.answered = true
	st.mu.Unlock()
	st.up.answered(status)
	return nil
}

// trailers takes in the fields behind a body, which end it.
func (c *http2Conn) trailers(st *stream, b *headBlock) error {
	if !b.end || (len(b.fields) > 0 && b.fields[0].IsPseudo()) {
		return http2.StreamError{StreamID: b.id, Code: http2.ErrCodeProtocol, Cause: errors.New("malformed trailer")}
	}
	c.endStream(st, b.header())
	return nil
}

// final takes in the head of the final response.
func (c *http2Conn) final(st *stream, b *headBlock, status int) error {
	resp := &http.Response{Status: http2Status(status), StatusCode: status, Proto: "HTTP/2.0", ProtoMajor: 2, Header: b.header()}
	length, ok := contentLength(resp.Header)
	if !ok {
		return http2.StreamError{StreamID: b.id, Code: http2.ErrCodeProtocol, Cause: errors.New("malformed header: content-length")}
	}
	resp.Trailer = announced(resp.Header)
	none := st.x.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
	resp.ContentLength = length
	if length < 0 && b.end && st.x.Method != http.MethodHead {
		resp.ContentLength = 0
	}
	st.headed = true
	now := time.Now()
	st.mu.Lock()
	st.answered = true
	st.resp, st.headAt, st.left = resp, now, length
	if none {
		st.left = 0
	}
	st.mu.Unlock()
	st.up.answered(status)
	if b.end {
		c.endStream(st, nil)
	}
	c.list(st)
	return nil
}

// contentLength reads a response's Content-Length, -1 if there is none. It reports
// false if there are several, or one that is no number.
func contentLength(h http.Header) (int64, bool) {
	values := h["Content-Length"]
	if len(values) == 0 {
		return -1, true
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	return int64(n), err == nil
}

// header makes an http.Header of a block's regular fields.
func (b *headBlock) header() http.Header {
	h := make(http.Header, len(b.fields))
	values := make([]string, len(b.fields))
	for i, f := range b.fields {
		if f.IsPseudo() {
			continue
		}
		name := http.CanonicalHeaderKey(f.Name)
		if have := h[name]; have != nil {
			h[name] = append(have, f.Value)
			continue
		}
		values[i] = f.Value
		h[name] = values[i : i+1 : i+1]
	}
	return h
}
