package cause

import (
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/packet"
)

// Config says how to explain. The zero value explains all TCP connections of a capture.
type Config struct {
	// Ports limits it to connections of which one end has one of these ports. None
	// means all.
	Ports []uint16

	// KeyLog is a TLS key log (the format of SSLKEYLOGFILE), to which more may be
	// appended by Explainer.Secrets; nil means none.
	KeyLog []byte

	// Closed, if set, is told of each connection when all of it is explained, before its
	// segments are forgotten.
	Closed func(*flow.Conn)

	// Keep keeps the segments of a connection until it is closed, for pictures. Without
	// it they are forgotten when no exchange needs them any more.
	Keep bool
}

// An Explainer explains the exchanges of a capture while it is read. Its memory is
// bounded by the connections that are open.
type Explainer struct {
	config Config
	each   func(*Explained)
}

// New begins a capture. Each exchange is told when all that explains it was seen,
// in the order of that.
func New(c Config, each func(*Explained)) *Explainer { return &Explainer{config: c, each: each} }

// Secrets adds lines to the key log.
func (e *Explainer) Secrets(lines []byte) {}

// Add takes in the capture's next packet.
func (e *Explainer) Add(p *packet.Packet) {}

// Close explains what is still open: the capture has ended.
func (e *Explainer) Close() {}
