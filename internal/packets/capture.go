package packets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/lingerhttp/linger/packet"
)

// Start is when every capture starts: times are added to it.
var Start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A Capture collects packets in the order in which they are made, whatever their
// times. A test that wants time to step backwards can have it.
type Capture struct {
	// Link is the link type of the files; 0, which is BSD's loopback, stands for
	// Ethernet. What it holds besides is layers.LinkTypeRaw and LinkTypeLinuxSLL.
	Link layers.LinkType

	// Snap is how many bytes of each IP packet are captured; 0 for all.
	Snap int

	frames []frame
}

// A frame is one packet at its time.
type frame struct {
	at   time.Duration
	data []byte // the IP packet
}

// NewCapture returns an empty capture. Its zero value works, too.
func NewCapture() *Capture { return &Capture{} }

// Len is how many packets there are: the number of the last one.
func (c *Capture) Len() int { return len(c.frames) }

// Add adds an IP packet, whatever its bytes are, and returns its number.
func (c *Capture) Add(at time.Duration, ip []byte) int {
	c.frames = append(c.frames, frame{at, bytes.Clone(ip)})
	return len(c.frames)
}

// Again adds packet number n a second time, byte for byte: it was captured twice.
func (c *Capture) Again(at time.Duration, n int) int { return c.Add(at, c.frames[n-1].data) }

// Drop takes packet number n out: the capture has missed it. Numbers after it move.
func (c *Capture) Drop(n int) { c.frames = append(c.frames[:n-1], c.frames[n:]...) }

// UDP adds a datagram.
func (c *Capture) UDP(at time.Duration, src, dst string, payload []byte) int {
	header := make([]byte, 8, 8+len(payload))
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	binary.BigEndian.PutUint16(header, from.Port())
	binary.BigEndian.PutUint16(header[2:], to.Port())
	binary.BigEndian.PutUint16(header[4:], uint16(8+len(payload)))
	return c.Add(at, IP(from.Addr(), to.Addr(), packet.ProtocolUDP, 0, append(header, payload...)))
}

// Packets yields the packets as a reader of the capture would, each a value of its
// own. It panics at one that cannot be decoded.
func (c *Capture) Packets() iter.Seq[*packet.Packet] {
	return func(yield func(*packet.Packet) bool) {
		for i, f := range c.frames {
			p := &packet.Packet{Number: i + 1, At: Start.Add(f.at).UnixNano()}
			if err := p.Decode(c.snapped(f.data), len(f.data)); err != nil {
				panic(fmt.Sprintf("packet %d: %v", i+1, err))
			}
			if !yield(p) {
				return
			}
		}
	}
}

func (c *Capture) snapped(b []byte) []byte {
	if c.Snap > 0 && len(b) > c.Snap {
		return b[:c.Snap]
	}
	return b
}

// Pcap returns the capture as a pcap file with nanoseconds.
func (c *Capture) Pcap() []byte {
	var file bytes.Buffer
	w := pcapgo.NewWriterNanos(&file)
	must(w.WriteFileHeader(1<<18, c.link()))
	for info, data := range c.framed() {
		must(w.WritePacket(info, data))
	}
	return file.Bytes()
}

// Pcapng returns the capture as a pcapng file of one interface, "eth0".
func (c *Capture) Pcapng() []byte {
	var file bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&file, pcapgo.NgInterface{Name: "eth0", LinkType: c.link()}, pcapgo.DefaultNgWriterOptions)
	must(err)
	for info, data := range c.framed() {
		must(w.WritePacket(info, data))
	}
	must(w.Flush())
	return file.Bytes()
}

func (c *Capture) link() layers.LinkType {
	if c.Link == 0 {
		return layers.LinkTypeEthernet
	}
	return c.Link
}

// framed yields the packets with the link's header before them.
func (c *Capture) framed() iter.Seq2[gopacket.CaptureInfo, []byte] {
	return func(yield func(gopacket.CaptureInfo, []byte) bool) {
		for _, f := range c.frames {
			head := linkHeader(c.link(), f.data)
			data := append(head, c.snapped(f.data)...)
			info := gopacket.CaptureInfo{
				Timestamp: Start.Add(f.at), CaptureLength: len(data), Length: len(head) + len(f.data),
			}
			if !yield(info, data) {
				return
			}
		}
	}
}

// linkHeader is what a link of the type puts before an IP packet.
func linkHeader(link layers.LinkType, ip []byte) []byte {
	ethertype := layers.EthernetTypeIPv4
	if ip[0]>>4 == 6 {
		ethertype = layers.EthernetTypeIPv6
	}
	var head []byte
	switch link {
	case layers.LinkTypeEthernet:
		head = []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	case layers.LinkTypeLinuxSLL:
		head = []byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}
	case layers.LinkTypeRaw:
		return nil
	default:
		panic(fmt.Sprintf("no header of link type %v is made here", link))
	}
	return binary.BigEndian.AppendUint16(head, uint16(ethertype))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
