package linger

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
)

// DATA: bodies of responses, from the network to where their readers find them.

// dataFrame takes in DATA, as it comes. All of it counts for the windows, padding
// included (RFC 9113 §6.1).
func (c *http2Conn) dataFrame(head http2.FrameHeader) error {
	if head.StreamID == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	size, padding := int(head.Length), 0
	if head.Flags.Has(http2.FlagDataPadded) {
		pad, err := c.in.ReadByte()
		if err != nil {
			return err
		}
		if size--; size < int(pad) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		padding = int(pad)
		size -= padding
	}
	st, err := c.charge(head)
	if err != nil {
		return err
	}
	var wrong error
	if st != nil {
		wrong = st.expect(int(head.Length), size)
	}
	if wrong != nil {
		st = nil
	}
	if err := c.copyData(st, size); err != nil {
		return err
	}
	if _, err := c.in.Discard(padding); err != nil {
		return err
	}
	unused := int(head.Length) - size
	if st == nil {
		unused = int(head.Length)
	} else if unused > 0 {
		st.pad(unused)
	}
	c.consumed(unused)
	if st != nil && head.Flags.Has(http2.FlagDataEndStream) {
		c.endStream(st, nil)
	}
	return wrong
}

// charge counts a DATA frame, and finds its stream.
func (c *http2Conn) charge(head http2.FrameHeader) (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.receive.take(int(head.Length)) {
		return nil, http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	c.soundLocked()
	st := c.streams[head.StreamID]
	if st == nil {
		return nil, c.idleLocked(head.StreamID)
	}
	st.received.Body += frameHead + int64(head.Length)
	return st, nil
}

// expect says whether DATA may come on a stream: so much of the window, and so
// much of the body.
func (st *stream) expect(window, size int) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case !st.headed:
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol, Cause: errors.New("DATA before HEADERS")}
	case st.ended:
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeStreamClosed, Cause: errors.New("DATA after the end of the stream")}
	case !st.receive.take(window):
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeFlowControl, Cause: errors.New("more DATA than the window allows")}
	case st.left >= 0 && int64(size) > st.left:
		// "A request or response is also malformed if the value of a content-length
		// header field does not equal the sum of the DATA frame payload lengths" —
		// RFC 9113 §8.1.1.
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol, Cause: errors.New("the body is longer than its content-length")}
	}
	if st.left >= 0 {
		st.left -= int64(size)
	}
	return nil
}

// copyData hands size octets on to a stream, as they come; without one they are
// thrown away.
func (c *http2Conn) copyData(st *stream, size int) error {
	for size > 0 {
		if _, err := c.in.Peek(1); err != nil {
			return err
		}
		p, _ := c.in.Peek(min(size, c.in.Buffered()))
		if st != nil {
			c.consumed(st.take(p, size))
			c.list(st)
		}
		c.in.Discard(len(p))
		size -= len(p)
	}
	return nil
}

// take takes the next octets of the body in, of those that the frame still holds.
// It returns how many nobody wants any more.
func (st *stream) take(p []byte, coming int) (unwanted int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.over {
		return len(p)
	}
	st.data.append(p, coming)
	return 0
}

// pad counts octets of a stream's window that were padding.
func (st *stream) pad(n int) {
	st.mu.Lock()
	by := st.receive.give(n)
	st.mu.Unlock()
	if by > 0 {
		st.widen(0, by)
	}
}

// endStream takes in that the server's side of a stream has ended.
func (c *http2Conn) endStream(st *stream, trailer map[string][]string) {
	c.mu.Lock()
	st.recvEnd = true
	c.forgetLocked(st)
	c.mu.Unlock()
	st.mu.Lock()
	st.ended = true
	st.trailer = trailer
	if st.left > 0 && st.err == nil {
		st.err = fmt.Errorf("%w: %d bytes are missing", io.ErrUnexpectedEOF, st.left)
	}
	st.mu.Unlock()
	c.list(st)
}
