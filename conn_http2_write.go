package linger

import (
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/net/http2"
)

// Writing: frames are queued with the connection's mutex held, which is never held
// while they are written. Whoever has queued something and finds nobody writing
// writes all that is there.

const (
	// maxQueued is how much may be queued before uploads wait.
	maxQueued = 64 << 10

	// keptQueue is the largest buffer that is kept for the next frames.
	keptQueue = 128 << 10

	// maxAcks is how many acknowledgements may wait to be written: a peer that asks
	// for them and does not read is up to something (CVE-2019-9512, CVE-2019-9515).
	maxAcks = 1000
)

// flush writes what is queued, unless somebody does so already. It never waits:
// what the socket does not take at once is left to a goroutine.
func (c *http2Conn) flush() {
	c.mu.Lock()
	if c.flushing || c.err != nil || (len(c.out) == 0 && !c.backlog.any()) {
		c.mu.Unlock()
		return
	}
	c.flushing = true
	busy := len(c.streams) > 1
	c.mu.Unlock()
	if busy {
		runtime.Gosched() // others are about to write: one packet for all of them
	}
	if c.backlog != nil && c.writeNow() {
		return
	}
	if c.t.admit() { // else the Transport is being closed
		go c.writeQueued()
	}
}

// writeNow writes what is queued without waiting. It reports false if there is
// more to write.
func (c *http2Conn) writeNow() bool {
	var p []byte
	for range flushes {
		if p = c.takeQueued(p); p == nil {
			return true
		}
		if _, err := c.net.Write(p); err != nil {
			c.unwritable(err)
			return true
		}
		if c.backlog.any() {
			return false
		}
	}
	return false
}

// flushes is how often a caller writes what others have queued while he wrote.
const flushes = 3

// writeQueued writes until nothing is queued.
func (c *http2Conn) writeQueued() {
	defer c.t.work.Done()
	err := c.backlog.drain(c.writeSocket)
	for p := c.takeQueued(nil); p != nil && err == nil; p = c.takeQueued(p) {
		if c.backlog == nil {
			err = c.writeSocket(p)
		} else if _, err = c.net.Write(p); err == nil {
			err = c.backlog.drain(c.writeSocket)
		}
	}
	if err != nil {
		c.unwritable(err)
	}
}

// takeQueued takes what is queued, and gives back the buffer that was written. It
// is nil, and nobody is writing any more, when there is nothing.
func (c *http2Conn) takeQueued(written []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if written != nil && cap(written) <= keptQueue {
		c.spare = written[:0]
	}
	if len(c.out) == 0 || c.err != nil {
		c.flushing = false
		if c.written != nil && !c.told {
			c.told = true
			close(c.written)
		}
		return nil
	}
	p := c.out
	c.out, c.spare, c.acks = c.spare, nil, 0
	c.wakeUploadsLocked()
	return p
}

// writeSocket writes p and waits, by WriteByteTimeout as long as something of it is
// written.
func (c *http2Conn) writeSocket(p []byte) error {
	if c.cfg.write > 0 {
		defer c.socket.SetWriteDeadline(time.Time{}) // it would end what is written later
	}
	for {
		if c.cfg.write > 0 {
			c.socket.SetWriteDeadline(time.Now().Add(c.cfg.write))
		}
		n, err := c.socket.Write(p)
		if n == 0 || n == len(p) || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		p = p[n:]
	}
}

// unwritable ends a connection that cannot be written to. What the server said
// before is still read: an answer may be among it.
func (c *http2Conn) unwritable(err error) {
	c.mu.Lock()
	c.leaving, c.out = true, nil
	c.health.unwritable = err
	c.setRoomLocked()
	c.mu.Unlock()
	c.net.SetReadDeadline(time.Now().Add(closeWait))
}

// ackLocked queues an acknowledgement.
func (c *http2Conn) ackLocked(frame func([]byte) []byte) error {
	if c.acks++; c.acks > maxAcks {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	c.out = frame(c.out)
	return nil
}
