package linger

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// An upload sends a request's body in DATA frames, as the peer's windows allow,
// while the caller waits for the answer. After stop it begins no further read of
// the body. A nil one has nothing to send.
type upload struct {
	st    *stream
	body  *requestBody
	wake  chan struct{} // holds one when there may be room, the wait for 100 (Continue) may be over, or it is stopped
	hands chan struct{} // holds one while the body is being read

	// The connection's mutex guards these.
	stopped   bool
	proceed   bool  // the server wants the body, or was asked for long enough
	fault     error // the body's own, not the connection's
	suspended bool  // it waits for room
}

func newUpload(st *stream) *upload {
	return &upload{st: st, body: st.x.body, wake: make(chan struct{}, 1), hands: make(chan struct{}, 1), proceed: !expects(st.x.req)}
}

func (u *upload) run() {
	c := u.st.c
	defer c.t.work.Done()
	defer context.AfterFunc(c.t.life(), u.giveUp)()
	u.awaitContinue()
	err := u.copy()
	c.mu.Lock()
	stopped, whole := u.stopped, u.st.sentEnd
	if !stopped {
		u.fault = err
	}
	c.mu.Unlock()
	u.st.x.hooks.wroteRequest(cmp.Or(err, notWhole(whole)))
	switch {
	case stopped: // who stopped it closes the body, or sends it once more
	case err != nil:
		u.body.Close()
		u.st.fail(err, processed)
	default:
		u.body.Close()
		u.sentAll()
	}
}

// sentAll notes that the request is written: the time for the answer's head
// begins.
func (u *upload) sentAll() {
	u.st.x.advance(timeline.Send, timeline.Wait)
	u.st.mu.Lock()
	u.st.whole = true
	u.st.mu.Unlock()
	u.st.signal()
}

// giveUp ends the upload when the Transport is closed.
func (u *upload) giveUp() {
	u.halt()
	u.body.Close()
}

// awaitContinue waits until the server asks for the body, or long enough: RFC
// 9110 §10.1.1, as on HTTP/1.
func (u *upload) awaitContinue() {
	c := u.st.c
	c.mu.Lock()
	proceed := u.proceed || u.stopped
	c.mu.Unlock()
	if proceed {
		return
	}
	u.st.x.advance(timeline.Send, timeline.Wait)
	u.st.x.note("for 100 (Continue)")
	u.st.x.hooks.wait100Continue()
	timer := time.NewTimer(max(0, c.t.expectTimeout()))
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case <-u.wake:
			c.mu.Lock()
			waiting = !u.proceed && !u.stopped
			c.mu.Unlock()
		case <-timer.C:
			waiting = false
		}
	}
	c.mu.Lock()
	u.proceed = true // what is answered from now on comes too late to stop it
	stopped := u.stopped
	c.mu.Unlock()
	if !stopped {
		u.st.x.advance(timeline.Wait, timeline.Send)
	}
}

// answered tells an upload of an answer: a server that has not asked for the body
// and refuses does not get it.
func (u *upload) answered(status int) {
	if u == nil {
		return
	}
	c := u.st.c
	c.mu.Lock()
	switch {
	case u.proceed || (status < 200 && status != http.StatusContinue):
	case status >= 300:
		u.stopped = true
	default:
		u.proceed = true
	}
	c.mu.Unlock()
	u.signal()
}

func (u *upload) signal() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

var uploadBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// copy sends the body, and returns its fault if it has one. It returns nil as well
// when it was stopped.
func (u *upload) copy() error {
	buf := uploadBuffers.Get().(*[copyBuffer]byte)
	defer uploadBuffers.Put(buf)
	length, sum := u.st.x.length, int64(0)
	for {
		n, err, ok := u.read(buf[:])
		if ok && err == nil && length >= 0 && sum+int64(n) == length {
			err, ok = u.atEnd()
		}
		if !ok {
			return nil
		}
		sum += int64(n)
		switch {
		case length >= 0 && sum > length:
			return errLongBody
		case err != nil && err != io.EOF:
			return &bodyError{err}
		case err == io.EOF && sum < length:
			return shortBody(sum, length)
		}
		if !u.send(buf[:n], err == io.EOF) || err == io.EOF {
			return nil
		}
	}
}

// atEnd makes sure that a body which has had its length is over, so that its last
// frame can say so.
func (u *upload) atEnd() (err error, ok bool) {
	var more [1]byte
	for range emptyReads {
		n, err, ok := u.read(more[:])
		if n > 0 && ok {
			return errLongBody, true
		}
		if err != nil || !ok {
			return err, ok
		}
	}
	return io.ErrNoProgress, true
}

// read reads from the body, unless the upload was stopped before or meanwhile.
func (u *upload) read(p []byte) (n int, err error, ok bool) {
	u.hands <- struct{}{}
	defer func() { <-u.hands }()
	if u.isStopped() {
		return 0, nil, false
	}
	n, err = u.body.Read(p)
	return n, err, !u.isStopped()
}

func (u *upload) isStopped() bool {
	u.st.c.mu.Lock()
	defer u.st.c.mu.Unlock()
	return u.stopped
}

// send queues p as DATA, as much at a time as the windows allow, and what ends the
// request if it is over. It reports false if the upload was stopped.
func (u *upload) send(p []byte, over bool) bool {
	c := u.st.c
	for {
		c.mu.Lock()
		n, ok := u.roomLocked(len(p))
		if ok {
			last := over && n == len(p)
			end := last && len(u.st.x.req.Trailer) == 0
			if n > 0 || end {
				c.sendLocked(u.st, p[:n], end)
			}
			if end {
				u.st.sentEnd = true
				c.forgetLocked(u.st)
			} else if last {
				c.trailersLocked(u.st)
			}
			p = p[n:]
		}
		u.suspended = !ok
		stopped := u.stopped
		c.mu.Unlock()
		c.flush()
		switch {
		case stopped:
			return false
		case !ok:
			<-u.wake
		case len(p) == 0:
			return true
		}
	}
}

// roomLocked is how much of size octets may be sent now; false if it must wait.
// None may be sent even while the window is negative.
func (u *upload) roomLocked(size int) (int, bool) {
	c := u.st.c
	n := max(0, int(min(int64(size), int64(c.peer.frame), u.st.window, c.window)))
	wait := (size > 0 && n == 0) || len(c.out) >= maxQueued
	return n, !wait && !u.stopped
}

// halt stops the upload, without waiting for a read under way.
func (u *upload) halt() {
	if u == nil {
		return
	}
	u.st.c.mu.Lock()
	u.stopped = true
	u.st.c.mu.Unlock()
	u.signal()
}

// stop lets the upload read no more of the body. A read under way is waited for a
// moment, and then ended by closing the body: it might never return. It returns
// the body's fault, if there was one before.
func (u *upload) stop() error {
	if u == nil {
		return nil
	}
	u.halt()
	timer := time.NewTimer(readWait)
	defer timer.Stop()
	select {
	case u.hands <- struct{}{}:
		<-u.hands
	case <-timer.C:
		u.body.Close()
	}
	u.st.c.mu.Lock()
	defer u.st.c.mu.Unlock()
	return u.fault
}

// wakeUploadsLocked wakes the uploads that wait for room.
func (c *http2Conn) wakeUploadsLocked() {
	for _, st := range c.streams {
		if st.up != nil && st.up.suspended {
			st.up.signal()
		}
	}
}
