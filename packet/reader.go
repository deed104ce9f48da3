package packet

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"time"
)

// A Reader reads the packets of a capture: of pcap or pcapng, of either byte order,
// which may be compressed by gzip. It takes what is there: of a file that grows, or of
// standard input, it hands over each packet as soon as its last byte is there.
//
// It is for one goroutine.
type Reader struct {
	source *source
	format interface {
		next(*Reader) error // puts the next packet into frame
	}
	frame frame
	done  bool

	packet     Packet
	fragments  fragments
	interfaces []Interface
	secrets    []byte
	defects    Defects
	clock      clock
}

// An Interface is where packets were captured.
type Interface struct {
	Name string // "" in pcap
	Link LinkType
}

// A frame is what the file says of one packet. Its data are good until the next.
type frame struct {
	data   []byte
	wire   int   // how long it was before it was snapped
	offset int64 // in the file
	at     int64 // nanoseconds since 1970, if it is timed
	timed  bool  // the file has a time for it
	sane   bool  // and that is one
	link   LinkType
	index  int  // into interfaces
	not    bool // it is no packet at all, but counts as one
}

// NewReader reads as much of r as says what it is. The error is a [*NotCapture], or
// what r said.
func NewReader(r io.Reader) (*Reader, error) {
	s := newSource(r)
	if b := s.peek(2); len(b) == 2 && b[0] == 0x1f && b[1] == 0x8b {
		z, err := gzip.NewReader(bufio.NewReader(s))
		if err != nil {
			return nil, notCapture("it begins like a file compressed by gzip, but: %v", err)
		}
		s = newSource(z)
	}
	reader := &Reader{source: s, defects: newDefects()}
	if err := reader.sniff(); err != nil {
		return nil, err
	}
	return reader, nil
}

// sniff finds out what the file is.
func (r *Reader) sniff() error {
	s := r.source
	b := s.peek(4)
	switch {
	case len(b) < 4 && s.err != io.EOF && s.err != io.ErrUnexpectedEOF:
		return r.broken(s.err)
	case len(b) == 0:
		return notCapture("the file is empty")
	case len(b) < 4:
		return notCapture("a file of %d bytes", len(b))
	}
	if f, err := newPcap(s); f != nil || err != nil {
		if err == nil {
			r.format, r.interfaces = f, []Interface{{Link: f.link}}
		}
		return err
	}
	if isSection(b) {
		r.format = &pcapng{}
		return nil
	}
	return notCapture("%s", what(s.peek(64)))
}

// Packets yields what comes: a TCP segment or a UDP datagram in an IP packet, which is
// good until the next, or an error. A [*Damage] is a record, and reading goes on behind
// it; it is also what is yielded last where the file ends within a packet. Any other
// error is the last: what the file's reader said. Packets of other protocols are counted.
//
// Who stops early may call Packets again for what follows.
func (r *Reader) Packets() iter.Seq2[*Packet, error] {
	return func(yield func(*Packet, error) bool) {
		for !r.done {
			p, err := r.read()
			if p == nil && err == nil {
				continue
			}
			if err == io.EOF || !yield(p, err) {
				return
			}
		}
	}
}

// read reads one packet of the file. Both results are nil if it is none to be handed
// over.
func (r *Reader) read() (*Packet, error) {
	if err := r.format.next(r); err != nil {
		return nil, err
	}
	f, d := &r.frame, &r.defects
	d.Read++
	if f.not {
		d.NotIP++
		return nil, nil
	}
	p := &r.packet
	p.Number, p.At, p.Interface = d.Read, r.clock.read(f, d), f.index
	b, is := f.link.ip(f.data)
	switch is {
	case otherThing:
		d.NotIP++
		return nil, nil
	case tooShort:
		return nil, d.damage(p.Number, f.offset, "%v: %d bytes are too few", f.link, len(f.data))
	case unreadable:
		d.Unreadable.add(p.Number)
		d.UnreadableLink = f.link
		return nil, nil
	}
	return r.ip(b, f.wire-(len(f.data)-len(b)))
}

// ip reads an IP packet, and what it is a part of.
func (r *Reader) ip(b []byte, wire int) (*Packet, error) {
	p, d := &r.packet, &r.defects
	of, err := p.decode(b, view{snapped: true, wire: wire, parts: true})
	if err == nil && p.End > len(p.Data) {
		d.Snapped.add(p.Number)
	}
	if err == nil && !of.whole() {
		d.Fragments++
		if p.Version == 4 && p.Protocol != ProtocolTCP && p.Protocol != ProtocolUDP {
			d.OtherIP++
			return nil, nil
		}
		if b, err = r.reassemble(of); b == nil && err == nil {
			return nil, nil
		}
	}
	switch {
	case err != nil:
		return nil, d.damage(p.Number, r.frame.offset, "%v", err)
	case p.Protocol == ProtocolTCP:
		d.TCP++
	case p.Protocol == ProtocolUDP:
		d.UDP++
	default:
		d.OtherIP++
		return nil, nil
	}
	return p, nil
}

// reassemble adds a fragment, and decodes the packet that it completes, if it does.
func (r *Reader) reassemble(of part) ([]byte, error) {
	p, d := &r.packet, &r.defects
	b, wire, err := r.fragments.add(p, of)
	d.Incomplete = r.fragments.forgotten + len(r.fragments.order)
	if b == nil || err != nil {
		return nil, err
	}
	d.Reassembled++
	if of, err = p.decode(b, view{snapped: true, wire: wire}); err == nil && !of.whole() {
		err = damaged("IPv6", "fragments of fragments")
	}
	return b, err
}

// Defects returns what was not as it should be in what has been read.
func (r *Reader) Defects() Defects { return r.defects }

// Interfaces returns those whose packets were read, and more where the file has them.
func (r *Reader) Interfaces() []Interface { return r.interfaces }

// Secrets returns all that the pcapng's decryption secrets blocks have held so far, one
// after the other, in the format of SSLKEYLOGFILE: what is new stands behind what was
// there before. They come before the packets that need them. Only TLS's are there, and
// at most 16 MiB.
func (r *Reader) Secrets() []byte { return r.secrets }

// damage counts damage between packets.
func (r *Reader) damage(at int64, format string, args ...any) error {
	return r.defects.damage(r.defects.Read+1, at, format, args...)
}

// broken is what is said where the file cannot be read on.
func (r *Reader) broken(err error) error {
	return fmt.Errorf("reading the capture at byte %d: %w", r.source.at, err)
}

// A clock makes times of what the file says.
type clock struct {
	last  int64 // of the packet before
	other int64 // a time far from it that one packet had, 0 for none
	set   bool  // there is a packet before
}

// farAway is how far the times of two packets of a capture are not apart.
const farAway = 365 * 24 * int64(time.Hour)

// read returns the time of a packet, and counts what is wrong with it.
func (c *clock) read(f *frame, d *Defects) int64 {
	if !f.timed {
		d.Untimed.add(d.Read)
		return c.last
	}
	far := c.set && apart(f.at, c.last) > uint64(farAway)
	if far && c.other != 0 && apart(f.at, c.other) <= uint64(farAway) {
		far = false // the second of that time: it was not this one that was absurd
	}
	if !f.sane || far {
		c.other = f.at
		d.Absurd.add(d.Read)
		return c.last
	}
	if c.set && f.at < c.last {
		d.Backwards.add(d.Read)
		d.MostBack = max(d.MostBack, time.Duration(c.last-f.at))
	}
	c.last, c.set, c.other = f.at, true, 0
	return f.at
}

// apart is the distance of two times.
func apart(a, b int64) uint64 { return uint64(max(a, b)) - uint64(min(a, b)) }
