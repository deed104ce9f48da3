package flow

import (
	"bytes"

	"github.com/lingerhttp/linger/packet"
)

// Which connection a packet belongs to is told here.

// A tuple names a connection without saying which end is the client: low is the end
// that compares lower. It is bytes without gaps, which a map hashes in one go.
type tuple struct {
	low, high         [16]byte
	lowPort, highPort uint16
}

func tupleOf(p *packet.Packet) tuple {
	t := tuple{p.Src.Addr().As16(), p.Dst.Addr().As16(), p.Src.Port(), p.Dst.Port()}
	if c := bytes.Compare(t.low[:], t.high[:]); c > 0 || c == 0 && t.lowPort > t.highPort {
		t = tuple{t.high, t.low, t.highPort, t.lowPort}
	}
	return t
}

// dir is the direction of a packet of the connection.
func (c *Conn) dir(p *packet.Packet) Dir {
	if p.Src == c.Client {
		return Up
	}
	return Down
}

// has says whether the packet has the connection's tuple.
func (c *Conn) has(p *packet.Packet) bool {
	return p.Src == c.Client && p.Dst == c.Server || p.Src == c.Server && p.Dst == c.Client
}

// succeeded says whether the packet begins another connection with the same tuple: by
// a SYN with another number, or by bytes that cannot be of one that is closed.
func (c *Conn) succeeded(p *packet.Packet) bool {
	if p.Flags&packet.SYN == 0 && !c.Closing.Seen {
		return false
	}
	d := c.dir(p)
	e, o, s := &c.ends[d], &c.ends[d.Other()], &c.Sides[d]
	switch {
	case p.Flags&(packet.SYN|packet.ACK) == packet.SYN:
		return d == Down || c.Closing.Reset || !e.known || p.Seq+1 != e.zero
	case p.Flags&packet.SYN != 0:
		return !o.known || p.Ack-o.zero > farthest
	case !c.closed() || p.PayloadLen() == 0 || !e.known:
		return false
	}
	at := offset(p.Seq, e.zero, s.Next)
	return at > s.Next+1 || at < s.Next-farthest
}

// farthest is how far below the highest number of a direction one of the same
// connection may be.
const farthest = 64 << 20

// likelyServer says whether a packet in the middle of a connection comes from the
// server: by its first bytes, or else because its port is the lower one.
func likelyServer(p *packet.Packet) bool {
	switch b := p.Bytes(); {
	case len(b) >= 5 && string(b[:5]) == "HTTP/":
		return true
	case len(b) >= 6 && b[0] == 22 && b[1] == 3 && b[5] <= 2: // a handshake of TLS: RFC 8446 §5.1, §4
		return b[5] == 2 // ServerHello
	case requests(b):
		return false
	}
	return p.Src.Port() < p.Dst.Port()
}

// requests says whether bytes begin as a request of HTTP/1 or HTTP/2.
func requests(b []byte) bool {
	for _, method := range [...]string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "PATCH ", "OPTIONS ", "CONNECT ", "TRACE ", "PRI * HTTP/2"} {
		if len(b) >= len(method) && string(b[:len(method)]) == method {
			return true
		}
	}
	return false
}
