package linger

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/lingerhttp/linger/timeline"
)

// An HTTP/2 connection (RFC 9113). The goroutine of the caller writes its HEADERS
// and waits; one goroutine of the connection reads all frames, hands each stream
// what is its own, and wakes who waits. The stages of an exchange, in order:
//
//	begin       opens the stream and queues its HEADERS    conn_http2_begin.go
//	flush       writes what is queued                      conn_http2_write.go
//	upload      sends a body that is not small             conn_http2_upload.go
//	await       waits for the head of the answer           conn_http2_stream.go
//	readLoop    takes frames in             conn_http2_read.go, _answer.go, _data.go
//	Read        hands the body on, gives the slot back     conn_http2_body.go

type http2Conn struct {
	t       *Transport
	net     net.Conn
	socket  net.Conn // what waits in writing: net, or what is below it, with a backlog
	backlog *backlog // nil if net itself has to be waited for
	name    timeline.Conn
	tls     *tls.ConnectionState
	cfg     http2Config
	opening *dialRecord // how it was opened
	pooled  *pooled     // set before readLoop starts and before a slot is lent

	// These belong to readLoop.
	in    *bufio.Reader
	read  *http2.Framer // reads from in; it writes nothing
	dec   *hpack.Decoder
	block headBlock // the HEADERS and CONTINUATION under way
	due   []*stream // to be woken before the next read from the network
	flood floodGate
	came  bool // something has come since pause

	reads atomic.Int64 // how often something came from the network
	room  atomic.Int64 // how many streams the pool may put on it

	mu       sync.Mutex
	err      error              // guarded by mu, with what follows: why the connection has ended
	goAway   *goAwayError       // the server's last, nil if none came
	leaving  bool               // it takes no more streams
	streams  map[uint32]*stream // those open
	nextID   uint32
	peer     peerSettings
	window   int64  // octets of DATA that may be sent on all streams together
	receive  inflow // octets of DATA that the server may send
	health   health
	enc      *hpack.Encoder
	encoded  bytes.Buffer  // what enc wrote
	out      []byte        // frames queued for writing
	spare    []byte        // the next out
	flushing bool          // somebody is writing, and takes what is queued meanwhile
	acks     int           // acknowledgements among what is queued
	written  chan struct{} // closed when the last frame is written; nil until that is queued
	told     bool          // it is closed
}

// newHTTP2 begins HTTP/2 on a connection.
func (t *Transport) newHTTP2(nc net.Conn, name timeline.Conn, state *tls.ConnectionState) *http2Conn {
	cfg := newHTTP2Config(t)
	c := &http2Conn{t: t, net: nc, name: name, tls: state, cfg: cfg, streams: make(map[uint32]*stream), nextID: 1,
		peer: initialSettings, window: initialWindow, receive: inflow{size: cfg.connWindow, left: cfg.connWindow}}
	c.socket = nc
	if w := wireBelow(nc); w != nil {
		w.pause = c.pause
		if w.direct {
			c.backlog = &backlog{}
			w.backlog, c.socket = c.backlog, w.Conn
		}
	}
	c.in = bufio.NewReaderSize(nc, readBuffer)
	c.read = http2.NewFramer(nil, c.in)
	c.read.SetReuseFrames()
	c.read.SetMaxReadFrameSize(cfg.frame)
	c.dec = hpack.NewDecoder(cfg.decoderTable, c.block.add)
	c.enc = hpack.NewEncoder(&c.encoded)
	c.enc.SetMaxDynamicTableSizeLimit(cfg.encoderTable)
	c.out = cfg.appendPreface(nil)
	c.room.Store(initialStreams)
	return c
}

func (c *http2Conn) about() timeline.Conn { return c.name }
func (c *http2Conn) below() *wire         { return wireBelow(c.net) }
func (c *http2Conn) network() net.Conn    { return c.net }
func (c *http2Conn) multiplexed() bool    { return true }

// capacity implements conn. It is what the peer's SETTINGS allow, less the
// streams that were given up on a connection which has not answered since.
func (c *http2Conn) capacity() int { return int(c.room.Load()) }

// pooledAs implements conn. From now on frames are read; the preface is written
// with the first request, or else by readLoop.
func (c *http2Conn) pooledAs(p *pooled) {
	c.pooled = p
	if !c.t.admit() {
		c.abandon(ErrClosed)
		return
	}
	go c.readLoop()
}

// close implements conn.
func (c *http2Conn) close() {
	c.abandon(fmt.Errorf("connection %d was closed: %w", c.name.Number, ErrServerClosed))
}

// abandon ends the connection for a reason that is not the network's. readLoop
// notices, and fails what is on it.
func (c *http2Conn) abandon(why error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = why
	}
	c.mu.Unlock()
	c.hangUp()
}

// hangUp closes the connection. Where that might have to wait it does without TLS's
// goodbye: tls.Conn.Close tries for five seconds to write it where the server has
// stopped reading.
func (c *http2Conn) hangUp() {
	if w := c.below(); w != nil && c.backlog == nil {
		w.Close()
		return
	}
	c.net.Close()
}

// finish implements conn. "Endpoints SHOULD always send a GOAWAY frame before
// closing a connection so that the remote peer can know whether a stream has been
// partially processed or not" — RFC 9113 §6.8.
func (c *http2Conn) finish() {
	c.mu.Lock()
	c.leaving = true
	c.mu.Unlock()
	c.farewell(http2.ErrCodeNo)
	c.close()
}

// farewell writes a GOAWAY behind all that is queued, for farewellTime at the most.
func (c *http2Conn) farewell(code http2.ErrCode) {
	written := make(chan struct{})
	c.mu.Lock()
	if c.err != nil || c.health.unwritable != nil || c.written != nil {
		c.mu.Unlock()
		return
	}
	c.out = appendGoAway(c.out, code)
	c.written = written
	c.mu.Unlock()
	c.flush()
	timer := time.NewTimer(farewellTime)
	defer timer.Stop()
	select {
	case <-written:
	case <-timer.C:
	}
}

// farewellTime limits the last write on a connection: its peer may not read.
const farewellTime = 100 * time.Millisecond

// dead is why the connection has ended, nil if it has not.
func (c *http2Conn) dead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// fitLocked says whether a new stream may be opened, by an error if not.
func (c *http2Conn) fitLocked() (fate, error) {
	switch {
	case c.err != nil:
		return processed, c.err
	case c.goAway != nil:
		return c.fateLocked(maxStreamID + 1), errors.New(string(goneAway))
	case c.leaving || c.nextID > maxStreamID || len(c.streams) >= c.peer.streams:
		return unusable, errors.New(string(unusable))
	}
	return processed, nil
}

// maxStreamID is the last stream's: "Stream identifiers cannot be reused.
// Long-lived connections can result in an endpoint exhausting the available range
// of stream identifiers. A client that is unable to establish a new stream
// identifier can establish a new connection for new streams" — RFC 9113 §5.1.1.
const maxStreamID = 1<<31 - 1

// A fate says whether the server processed a stream.
type fate string

const (
	processed fate = ""
	refusedBy fate = "the server refused the stream"
	goneAway  fate = "the server closed the connection before this stream"
	allGone   fate = "the server closed the connection before its first stream"
	tooMany   fate = "the server allows fewer streams than were begun before it said so"
	unusable  fate = "the connection takes no more streams"
	misspoken fate = "the server wants HTTP/1.1 for this request"
)

// A goAwayError is a server's GOAWAY (RFC 9113 §6.8).
type goAwayError struct {
	last uint32 // the last stream it processed
	code http2.ErrCode
	text string // for people
}

func (e *goAwayError) Error() string {
	if e.text == "" {
		return fmt.Sprintf("GOAWAY, %v", e.code)
	}
	return fmt.Sprintf("GOAWAY, %v: %q", e.code, e.text)
}

// fateLocked is what the server's GOAWAY means for a stream.
func (c *http2Conn) fateLocked(id uint32) fate {
	switch {
	case c.goAway == nil || id <= c.goAway.last:
		return processed
	case c.goAway.last == 0:
		return allGone
	}
	return goneAway
}

// forgetLocked drops a stream that has ended on both sides.
func (c *http2Conn) forgetLocked(st *stream) {
	if st.sentEnd && st.recvEnd {
		delete(c.streams, st.id)
	}
}

// forget ends our side of a stream that is not over: it is reset. A stream that
// was given up with nothing having come since it was opened is asked after by a
// PING: the connection may be dead. Until its answer, it counts as open; if time
// ran out, whatever has come, nothing more is put on the connection.
func (c *http2Conn) forget(st *stream, code http2.ErrCode, givenUp, outOfTime bool) {
	c.mu.Lock()
	if c.streams[st.id] != st {
		c.mu.Unlock()
		return
	}
	delete(c.streams, st.id)
	if st.recvEnd {
		code = http2.ErrCodeNo
	}
	c.out = appendReset(c.out, st.id, code)
	if outOfTime || (givenUp && st.reads == c.reads.Load()) {
		c.doubtLocked(outOfTime)
	}
	c.mu.Unlock()
	c.flush()
}

// setRoomLocked tells the pool how many streams it may put on the connection.
func (c *http2Conn) setRoomLocked() {
	room := int64(c.peer.streams)
	if c.health.ghosts > 0 {
		room = max(0, room-int64(c.health.ghosts))
	}
	if c.health.doubted || c.leaving || c.nextID > maxStreamID {
		room = 0
	}
	c.room.Store(room)
}

// roomy tells the pool that there may be more room than there was.
func (c *http2Conn) roomy() { c.t.carryOut(c.t.pool().kick(c.pooled, time.Now())) }

// leave lets what is on the connection end, and takes nothing more.
func (c *http2Conn) leave(why CloseReason) {
	c.mu.Lock()
	c.leaving = true
	c.setRoomLocked()
	c.mu.Unlock()
	c.t.leaves(c.pooled, why)
}

// statusLines holds the Status of a response for each known code.
var statusLines = func() (lines [600]string) {
	for code := range lines {
		if text := http.StatusText(code); text != "" {
			lines[code] = fmt.Sprintf("%d %s", code, text)
		}
	}
	return lines
}()

func http2Status(code int) string {
	if code < len(statusLines) && statusLines[code] != "" {
		return statusLines[code]
	}
	return fmt.Sprintf("%d ", code)
}
