package linger

import "golang.org/x/net/http2"

// Flow control (RFC 9113 §5.2, §6.9): what the server may send, on each stream and
// on all together. A stream's window is given back as the caller reads, so that a
// slow reader holds up nobody but himself; the connection's, too, and what is
// thrown away at once.

// An inflow is what a peer may send.
type inflow struct {
	size int64 // of the window
	left int64 // octets that may still come
	owed int64 // octets that were used up and not yet given back
}

// take counts octets that came. It reports false if there were too many.
func (f *inflow) take(n int) bool {
	f.left -= int64(n)
	return f.left >= 0
}

// give gives octets back, and returns by how much to raise the window: not until
// it is worth a frame.
func (f *inflow) give(n int) uint32 {
	f.owed += int64(n)
	if f.owed < f.size/2 {
		return 0
	}
	n, f.owed = int(f.owed), 0
	f.left += int64(n)
	return uint32(n)
}

// consumed gives n octets of the connection's window back.
func (c *http2Conn) consumed(n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	grown := c.giveLocked(n)
	c.mu.Unlock()
	if grown {
		c.flush()
	}
}

func (c *http2Conn) giveLocked(n int) bool {
	by := c.receive.give(n)
	if by > 0 {
		c.out = appendWindowUpdate(c.out, 0, by)
	}
	return by > 0
}

// widen gives n octets back that the caller has read: of the stream's window if
// that is worth a frame, and of the connection's.
func (st *stream) widen(n int, by uint32) {
	c := st.c
	c.mu.Lock()
	grown := c.giveLocked(n)
	if by > 0 && c.streams[st.id] == st && !st.recvEnd {
		c.out = appendWindowUpdate(c.out, st.id, by)
		grown = true
	}
	c.mu.Unlock()
	if grown {
		c.flush()
	}
}

// windowUpdate takes in a WINDOW_UPDATE: "A sender MUST NOT allow a flow-control
// window to exceed 2^31-1 octets. If a sender receives a WINDOW_UPDATE that causes
// a flow-control window to exceed this maximum, it MUST terminate either the
// stream or the connection, as appropriate" — RFC 9113 §6.9.1.
func (c *http2Conn) windowUpdate(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > largestWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		c.wakeUploadsLocked()
		return nil
	}
	st := c.streams[f.StreamID]
	if st == nil {
		return c.idleLocked(f.StreamID)
	}
	if st.window += int64(f.Increment); st.window > largestWindow {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	if st.up != nil {
		st.up.signal()
	}
	return nil
}
