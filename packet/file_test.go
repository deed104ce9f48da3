package packet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"maps"
	"testing"
)

// A writer writes files by hand, in either byte order, and as wrong as a test wants.
type writer struct {
	order binary.AppendByteOrder
	b     []byte
}

func (w *writer) u16(v ...uint16) *writer {
	for _, v := range v {
		w.b = w.order.AppendUint16(w.b, v)
	}
	return w
}

func (w *writer) u32(v ...uint32) *writer {
	for _, v := range v {
		w.b = w.order.AppendUint32(w.b, v)
	}
	return w
}

func (w *writer) bytes(b []byte) *writer {
	w.b = append(w.b, b...)
	return w
}

// pcap writes the header of a file.
func (w *writer) pcap(magic uint32, link LinkType) *writer {
	return w.u32(magic).u16(2, 4).u32(0, 0, 1<<18, uint32(link))
}

// record writes a packet of a pcap file.
func (w *writer) record(seconds, fraction uint32, data []byte) *writer {
	return w.u32(seconds, fraction, uint32(len(data)), uint32(len(data))).bytes(data)
}

// block writes a block of pcapng, its body filled up to four bytes.
func (w *writer) block(kind uint32, body []byte) *writer {
	fill := make([]byte, -len(body)&3)
	size := uint32(12 + len(body) + len(fill))
	return w.u32(kind, size).bytes(body).bytes(fill).u32(size)
}

func (w *writer) sub() *writer { return &writer{order: w.order} }

// section writes a section header.
func (w *writer) section() *writer {
	return w.block(blockSection, w.sub().u32(sectionMagic).u16(1, 0).u32(0xffffffff, 0xffffffff).b)
}

// describe writes an interface description, with options if they are given.
func (w *writer) describe(link LinkType, options []byte) *writer {
	return w.block(blockInterface, w.sub().u16(uint16(link), 0).u32(1<<18).bytes(options).b)
}

// option is one option of a block.
func (w *writer) option(code uint16, value []byte) []byte {
	return w.sub().u16(code, uint16(len(value))).bytes(value).bytes(make([]byte, -len(value)&3)).b
}

// packet writes an enhanced packet block.
func (w *writer) packet(i uint32, units uint64, data []byte) *writer {
	return w.block(blockPacket, w.sub().u32(i, uint32(units>>32), uint32(units), uint32(len(data)), uint32(len(data))).bytes(data).b)
}

func little() *writer { return &writer{order: binary.LittleEndian} }
func big() *writer    { return &writer{order: binary.BigEndian} }

// gzipped compresses, and flushes.
func gzipped(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// kernel is one of kernelPackets.
func kernel(t testing.TB, name string) []byte {
	for _, p := range kernelPackets {
		if p.name == name {
			return unhex(t, p.bytes, p.zeros)
		}
	}
	t.Fatalf("the kernel sent no %q", name)
	return nil
}

// conversation is raw IP: a SYN, a SYN-ACK, a request, a look-up.
func conversation(t testing.TB) [][]byte {
	return [][]byte{kernel(t, "connect"), kernel(t, "accept"), kernel(t, "write of ping\\n"), kernel(t, "look-up of a name")}
}

// files are the conversation in every format, one packet a millisecond from second
// 1,700,000,000 on.
func files(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	for end, w := range map[string]func() *writer{"little": little, "big": big} {
		micro, nano, old := w().pcap(0xa1b2c3d4, linkRaw), w().pcap(0xa1b23c4d, linkRaw), w().pcap(0xa1b2cd34, linkRaw)
		ng, sections := w().section().describe(linkRaw, nil), w()
		for i, data := range conversation(t) {
			n := uint32(i)
			micro.record(1_700_000_000, n*1000, data)
			nano.record(1_700_000_000, n*1_000_000, data)
			size := uint32(len(data))
			old.u32(1_700_000_000, n*1000, size, size, 1, 0).bytes(data)
			ng.packet(0, 1_700_000_000_000_000+uint64(i)*1000, data)
			sections.section().describe(linkRaw, sections.option(9, []byte{9}))
			sections.packet(0, 1_700_000_000_000_000_000+uint64(i)*1_000_000, data)
		}
		all["pcap, µs, "+end] = micro.b
		all["pcap, ns, "+end] = nano.b
		all["pcap, Kuznetsov's, "+end] = old.b
		all["pcapng, "+end] = ng.b
		all["pcapng, a section a packet, "+end] = sections.b
	}
	all["pcapng, both ends"] = append(bytes.Clone(all["pcapng, little"]), all["pcapng, big"]...)
	for name, b := range maps.Clone(all) {
		all[name+", gzip"] = gzipped(t, b)
	}
	half := len(all["pcap, ns, big"]) / 2
	all["pcap, two members of gzip"] = append(gzipped(t, all["pcap, ns, big"][:half]), gzipped(t, all["pcap, ns, big"][half:])...)
	return all
}
