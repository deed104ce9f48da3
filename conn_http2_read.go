package linger

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// Reading: one goroutine for each connection takes in all frames (RFC 9113 §6).

// readLoop reads frames until the connection ends, and then fails what is on it.
func (c *http2Conn) readLoop() {
	defer c.t.work.Done()
	c.flush() // the preface, if no request was faster
	err := c.readFrames()
	c.countRead(err)
	var broken http2.ConnectionError
	switch {
	case errors.As(err, &broken):
		c.farewell(http2.ErrCode(broken))
		err = fmt.Errorf("the server broke HTTP/2: %w", err)
	case errors.Is(err, io.EOF):
		err = ErrServerClosed
	}
	c.ended(err)
}

// ended closes the connection, tells the pool, and fails what is on it.
func (c *http2Conn) ended(err error) {
	c.wakeDue()
	c.mu.Lock()
	if c.err == nil {
		c.err = c.lastWordLocked(err)
	}
	err = c.err
	streams := c.streams
	c.streams = make(map[uint32]*stream)
	c.restLocked()
	c.mu.Unlock()
	c.hangUp()
	c.t.carryOut(c.t.pool().ended(c.pooled, http2CloseReason(err), time.Now()))
	for _, st := range streams {
		st.lose(err)
	}
}

// http2CloseReason sorts why a connection has ended; empty if that depends on what
// it carried.
func http2CloseReason(err error) CloseReason {
	switch {
	case errors.Is(err, errPingTimeout):
		return CloseTimeout
	case errors.As(err, new(http2.ConnectionError)), errors.Is(err, ErrNoHTTP2):
		return CloseBroken
	}
	return ""
}

// lastWordLocked is why the connection has ended, if the server said why.
func (c *http2Conn) lastWordLocked(err error) error {
	switch {
	case c.goAway != nil && c.goAway.code != http2.ErrCodeNo:
		return fmt.Errorf("%w (%w)", ErrServerClosed, c.goAway)
	case c.health.unwritable != nil && !errors.Is(err, ErrServerClosed):
		return c.health.unwritable
	}
	return err
}

// lose fails a stream whose connection has ended.
func (st *stream) lose(err error) {
	if st.headed {
		err = fmt.Errorf("%w (%w)", io.ErrUnexpectedEOF, err)
	}
	st.fail(err, processed)
}

// pause is called before readLoop reads from the network, where it may have to
// wait: those for whom something has come are woken, and what is queued is
// written, all at once.
func (c *http2Conn) pause() {
	c.wakeDue()
	if c.came {
		c.came = false
		c.reads.Add(1)
		c.mu.Lock()
		c.health.heard = time.Now()
		c.mu.Unlock()
	}
	c.flush()
}

// wakeDue wakes the streams for which something has come.
func (c *http2Conn) wakeDue() {
	for i, st := range c.due {
		st.listed = false
		st.signal()
		c.due[i] = nil
	}
	c.due = c.due[:0]
}

// list lets a stream be woken.
func (c *http2Conn) list(st *stream) {
	if !st.listed {
		st.listed = true
		c.due = append(c.due, st)
	}
}

// readFrames returns why it ended.
func (c *http2Conn) readFrames() error {
	if err := c.greeting(); err != nil {
		return err
	}
	for {
		head, err := c.read.ReadFrameHeader()
		if err == nil {
			err = c.frame(head)
		}
		if err != nil {
			err = c.excuse(err)
		}
		if err != nil {
			return err
		}
	}
}

// excuse resets the stream that an error is about, if it is about one alone.
func (c *http2Conn) excuse(err error) error {
	var wrong http2.StreamError
	switch {
	case errors.As(err, &wrong):
		return c.reset(wrong)
	case errors.Is(err, http2.ErrFrameTooLarge):
		return http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	return err
}

// greeting waits for the server's preface: "The server connection preface consists
// of a potentially empty SETTINGS frame that MUST be the first frame the server
// sends in the HTTP/2 connection" — RFC 9113 §3.4.
func (c *http2Conn) greeting() error {
	const http1Start = "HTTP/"
	start, err := c.in.Peek(frameHead)
	switch {
	case len(start) >= len(http1Start) && string(start[:len(http1Start)]) == http1Start:
		return fmt.Errorf("%w: it answers in HTTP/1", ErrNoHTTP2)
	case err != nil:
		return err
	case http2.FrameType(start[3]) != http2.FrameSettings:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

// frame takes in one frame, of which the header has been read.
func (c *http2Conn) frame(head http2.FrameHeader) error {
	c.came = true
	if c.flood.full(head) {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	if head.Type == http2.FrameData {
		return c.dataFrame(head)
	}
	f, err := c.read.ReadFrameForHeader(head)
	var wrong http2.StreamError
	if head.Type == http2.FrameHeaders && errors.As(err, &wrong) {
		// "A receiver MUST terminate the connection with a connection error … if it
		// does not decompress a field block" — §4.3.
		return http2.ConnectionError(wrong.Code)
	}
	if err != nil {
		return err
	}
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return c.headersFrame(f)
	case *http2.ContinuationFrame:
		return c.fragment(f.HeaderBlockFragment(), f.Header(), f.HeadersEnded())
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		return c.windowUpdate(f)
	case *http2.RSTStreamFrame:
		return c.resetFrame(f)
	case *http2.PingFrame:
		return c.pingFrame(f)
	case *http2.GoAwayFrame:
		return c.goAwayFrame(f)
	case *http2.PushPromiseFrame:
		// "A client that has set SETTINGS_ENABLE_PUSH to 0 … MUST treat the receipt
		// of a PUSH_PROMISE frame as a connection error of type PROTOCOL_ERROR" — §8.4.
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil // "Implementations MUST ignore and discard frames of unknown types" — §4.1; PRIORITY is deprecated — §5.3.2
}

// idleLocked says whether a frame for a stream that is not open is an error: on
// one that was never opened it is (RFC 9113 §5.1); one that was may have been
// reset before the server knew.
func (c *http2Conn) idleLocked(id uint32) error {
	if id%2 == 0 || id >= c.nextID {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

// find returns the open stream of that number, nil if it has ended.
func (c *http2Conn) find(id uint32) (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.soundLocked()
	if st := c.streams[id]; st != nil {
		return st, nil
	}
	return nil, c.idleLocked(id)
}

// reset ends a stream on which the server broke the protocol.
func (c *http2Conn) reset(e http2.StreamError) error {
	st, err := c.find(e.StreamID)
	if st == nil {
		return err
	}
	c.forget(st, e.Code, false, false)
	if e.Cause == nil {
		e.Cause = c.read.ErrorDetail()
	}
	st.fail(e, processed)
	return nil
}

// resetFrame takes in RST_STREAM.
func (c *http2Conn) resetFrame(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	st := c.streams[f.StreamID]
	delete(c.streams, f.StreamID)
	err := c.idleLocked(f.StreamID)
	c.mu.Unlock()
	if st == nil || err != nil {
		return err
	}
	became := processed
	switch f.ErrCode {
	case http2.ErrCodeRefusedStream:
		// "The REFUSED_STREAM error code … indicates that the stream is being closed
		// prior to any processing having occurred" — RFC 9113 §8.7.
		became = refusedBy
	case http2.ErrCodeHTTP11Required:
		// "The endpoint requires that HTTP/1.1 be used instead of HTTP/2" — §7.
		became = misspoken
	case http2.ErrCodeProtocol:
		became = tooMany // if it was opened before the limit was known
		c.leave(CloseBroken)
	}
	c.countErr("recv_rststream_", f.ErrCode)
	st.fail(fmt.Errorf("the server reset the stream: %w", http2.StreamError{StreamID: f.StreamID, Code: f.ErrCode}), became)
	c.list(st)
	return nil
}

// pingFrame answers a PING, or takes in the answer to ours.
func (c *http2Conn) pingFrame(f *http2.PingFrame) error {
	if f.IsAck() {
		c.pong(f.Data)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ackLocked(func(b []byte) []byte { return appendPing(b, flagAck, f.Data) })
}

// goAwayFrame takes in that the server will take no more streams: "streams with
// identifiers higher than the included last stream identifier … might be retried
// on a new connection"; a server may announce it with the highest number first,
// and say the true one later (RFC 9113 §6.8).
func (c *http2Conn) goAwayFrame(f *http2.GoAwayFrame) error {
	if f.ErrCode != http2.ErrCodeNo {
		c.countErr("recv_goaway_", f.ErrCode)
	}
	c.mu.Lock()
	last := f.LastStreamID
	if c.goAway != nil {
		last = min(last, c.goAway.last) // "endpoints MUST NOT increase the value"
	}
	c.goAway = &goAwayError{last: last, code: f.ErrCode, text: string(f.DebugData())}
	var above []*stream
	for id, st := range c.streams {
		if id > last {
			delete(c.streams, id)
			above = append(above, st)
		}
	}
	became := c.fateLocked(maxStreamID + 1)
	why := c.goAway
	c.mu.Unlock()
	c.leave(CloseAnnounced) // before those streams fail: when they are tried again, the pool knows
	for _, st := range above {
		st.fail(why, became)
	}
	return nil
}

// A floodGate bounds frames that carry nothing: empty DATA, PING, SETTINGS and the
// like (CVE-2019-9512 to -9518). The end of a stream is no such frame: thousands of
// exchanges a second may end by empty DATA or RST_STREAM.
type floodGate struct {
	frames int
	second int64 // since 1970, of the first of them
}

// maxIdleFrames is how many of them may come in a second.
const maxIdleFrames = 10_000

// full counts a frame, and says whether it is one too many.
func (g *floodGate) full(head http2.FrameHeader) bool {
	switch head.Type {
	case http2.FrameData:
		if head.Length > 0 || head.Flags.Has(http2.FlagDataEndStream) {
			return false
		}
	case http2.FrameHeaders, http2.FrameContinuation, http2.FrameWindowUpdate, http2.FrameRSTStream:
		return false
	}
	if g.frames++; g.frames <= maxIdleFrames {
		return false
	}
	now := time.Now().Unix()
	if now == g.second {
		return true
	}
	g.frames, g.second = 0, now
	return false
}
