package packet

// A Packet is one IP packet of a capture. Reader.Packets reuses it: what it points
// to is the Reader's, until the next.
type Packet struct {
	Number    int   // of its frame in the file, from 1
	At        int64 // nanoseconds since 1970
	Interface int   // index into Reader.Interfaces

	// Data is the IP packet as far as it was captured. Header.End may lie behind its
	// end: then the rest was snapped. What the link put behind the packet is cut off.
	Data []byte

	Header
	ID      uint16 // IPv4's identification; 0 in IPv6
	Options Options
}

// Decode takes b as p's Data and reads its headers. The end of b may be missing, but
// not the transport's header; of TCP's options, those are read that are there. wire is
// how many bytes the packet had, at most: what IP's own length is taken to be where it
// says 0, as in segments that a kernel handed to a card to be cut. Number, At and
// Interface stay as they are.
//
// The error is an *[Error].
func (p *Packet) Decode(b []byte, wire int) error {
	_, err := p.decode(b, view{snapped: true, wire: max(wire, len(b))})
	return err
}

// decode is Decode, and says whether the packet is a fragment.
func (p *Packet) decode(b []byte, v view) (part, error) {
	of, err := p.Header.decode(b, v)
	if err != nil {
		return of, err
	}
	p.Data = b[:min(len(b), p.End)]
	p.ID = 0
	if p.Version == 4 {
		p.ID = uint16(of.id)
	}
	var options []byte
	if p.Protocol == ProtocolTCP && p.Payload > p.Transport+20 {
		options = p.Data[p.Transport+20 : min(p.Payload, len(p.Data))]
	}
	p.Options.read(options)
	return of, nil
}

// Bytes returns what the transport carries, as far as it was captured.
func (p *Packet) Bytes() []byte {
	from, to := min(p.Header.Payload, len(p.Data)), min(p.End, len(p.Data))
	return p.Data[from:to]
}
