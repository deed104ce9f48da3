package main

import (
	"bufio"
	"encoding/binary"
)

// A file is a pcap file with nanoseconds, of Ethernet: draft-ietf-opsawg-pcap.
type file struct {
	w       *bufio.Writer
	packets int64
	bytes   int64
	filler  []byte
}

func newFile(w *bufio.Writer) *file {
	f := &file{w: w, filler: make([]byte, mss)}
	for i := range f.filler {
		f.filler[i] = byte('a' + i%26)
	}
	var head [24]byte
	binary.LittleEndian.PutUint32(head[:], 0xa1b23c4d)
	binary.LittleEndian.PutUint16(head[4:], 2)
	binary.LittleEndian.PutUint16(head[6:], 4)
	binary.LittleEndian.PutUint32(head[16:], 256<<10)
	binary.LittleEndian.PutUint32(head[20:], 1)
	w.Write(head[:]) // an error is found by Flush
	f.bytes = int64(len(head))
	return f
}

var (
	synOptions  = []byte{2, 4, 1460 >> 8, 1460 & 0xff, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7}
	dataOptions = []byte{1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0}
)

// write writes a segment as a packet.
func (f *file) write(s segment) {
	var b [16 + 14 + 20 + 40]byte
	options, stamp := dataOptions, 4
	if s.flags&syn != 0 {
		options, stamp = synOptions, 8
	}
	head := 16 + 14 + 20 + 20 + len(options)
	total := head - 16 + s.size
	le, be := binary.LittleEndian, binary.BigEndian
	le.PutUint32(b[0:], uint32(s.at/1e9))
	le.PutUint32(b[4:], uint32(s.at%1e9))
	le.PutUint32(b[8:], uint32(total))
	le.PutUint32(b[12:], uint32(total))
	ether := b[16:]
	be.PutUint16(ether[12:], 0x0800)
	ip := ether[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 6
	be.PutUint16(ip[2:], uint16(total-14))
	be.PutUint16(ip[4:], s.id)
	client, server := [4]byte{198, 18, 0, 1}, [4]byte{198, 19, 1, 1}
	from, to, src, dst := client, server, s.port, uint16(80)
	if !s.up {
		from, to, src, dst = server, client, 80, s.port
	}
	copy(ip[12:], from[:])
	copy(ip[16:], to[:])
	tcp := ip[20:]
	be.PutUint16(tcp, src)
	be.PutUint16(tcp[2:], dst)
	be.PutUint32(tcp[4:], s.seq)
	be.PutUint32(tcp[8:], s.ack)
	tcp[12], tcp[13] = byte(20+len(options))/4<<4, s.flags
	be.PutUint16(tcp[14:], 60000)
	copy(tcp[20:], options)
	be.PutUint32(tcp[20+stamp:], f.stamp(s.left))
	be.PutUint32(tcp[24+stamp:], f.stamp(s.left-rtt/2))
	f.w.Write(b[:head])
	f.w.Write(s.text)
	f.w.Write(f.filler[:s.size-len(s.text)])
	f.packets++
	f.bytes += int64(head + s.size)
}

// stamp is a timestamp in milliseconds: RFC 7323 §3.
func (f *file) stamp(at int64) uint32 { return uint32(at / 1e6) }
