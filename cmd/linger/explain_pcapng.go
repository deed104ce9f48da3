package main

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gopacket/gopacket/pcapgo"
)

// Writing a capture again, with comments on its packets.

// annotate writes the capture of a file as pcapng, with the comments of each packet,
// by its number. Of a pcapng, everything else stays as it is.
func annotate(w io.Writer, name string, comments map[int][]string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		in = bufio.NewReaderSize(z, 1<<20)
	}
	out := bufio.NewWriterSize(w, 1<<20)
	a := annotator{in: in, out: out, comments: comments}
	if magic, _ := in.Peek(4); len(magic) == 4 && binary.BigEndian.Uint32(magic) == ngSection {
		err = a.blocks()
	} else {
		err = a.records()
	}
	if err != nil {
		return fmt.Errorf("writing the capture again: %w", err)
	}
	return out.Flush()
}

// An annotator copies a capture.
type annotator struct {
	in       *bufio.Reader
	out      *bufio.Writer
	comments map[int][]string
	number   int // of the packet copied last
	order    binary.ByteOrder
}

// records copies a pcap file as a pcapng file of one interface.
func (a *annotator) records() error {
	r, err := pcapgo.NewReader(a.in)
	if err != nil {
		return err
	}
	about := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "linger"}}
	w, err := pcapgo.NewNgWriterInterface(a.out, pcapgo.NgInterface{LinkType: r.LinkType(), SnapLength: r.Snaplen()}, about)
	if err != nil {
		return err
	}
	r.SetSnaplen(ngMaxBlock) // some writers put longer packets there than they said
	for {
		data, ci, err := r.ZeroCopyReadPacketData()
		if err != nil { // also at the end of what can be read
			return w.Flush()
		}
		a.number++
		ci.InterfaceIndex = 0
		if err := w.WritePacketWithOptions(ci, data, pcapgo.NgPacketOptions{Comments: a.comments[a.number]}); err != nil {
			return err
		}
	}
}

// Of pcapng: draft-ietf-opsawg-pcapng §3 and §4.
const (
	ngSection    = 0x0a0d0d0a
	ngOldPacket  = 2
	ngSimple     = 3
	ngPacket     = 6
	ngJournal    = 9
	ngMagic      = 0x1a2b3c4d
	ngMaxBlock   = 16 << 20
	ngHeader     = 28 // of a packet block, up to the packet
	ngComment    = 1
	ngMaxComment = 65_535 &^ 3
)

// blocks copies a pcapng file block by block, so that nothing of it is lost that
// nobody here knows. It ends where the file does, or where it is damaged.
func (a *annotator) blocks() error {
	for {
		block, err := a.block()
		if err != nil || block == nil {
			return err
		}
		if _, err := a.out.Write(a.annotated(block)); err != nil {
			return err
		}
	}
}

// block reads a whole block; nil is the end of what can be read.
func (a *annotator) block() ([]byte, error) {
	head, err := a.in.Peek(12)
	if err != nil {
		return nil, atEnd(err)
	}
	if binary.BigEndian.Uint32(head) == ngSection {
		a.order = binary.LittleEndian
		if binary.BigEndian.Uint32(head[8:]) == ngMagic {
			a.order = binary.BigEndian
		}
	}
	size := a.order.Uint32(head[4:])
	if size < 12 || size > ngMaxBlock || size%4 != 0 {
		return nil, nil
	}
	block := make([]byte, size)
	if _, err := io.ReadFull(a.in, block); err != nil {
		return nil, atEnd(err)
	}
	return block, nil
}

// atEnd is nil for the end of a file, also one within a block.
func atEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// annotated is a block with the comments of its packet, if it is one that can have
// any.
func (a *annotator) annotated(block []byte) []byte {
	kind := a.order.Uint32(block)
	switch kind {
	case ngOldPacket, ngPacket, ngSimple, ngJournal:
		a.number++
	}
	comments := a.comments[a.number]
	if len(comments) == 0 || kind != ngOldPacket && kind != ngPacket || len(block) < ngHeader+4 {
		return block
	}
	options := ngHeader + (int(a.order.Uint32(block[20:]))+3)&^3
	end := len(block) - 4 // where the block's second length stands
	if options < ngHeader || options > end {
		return block
	}
	more := a.options(comments)
	all := append(append([]byte(nil), block[:options]...), more...)
	all = append(all, block[options:end]...)
	if options == end {
		all = append(all, 0, 0, 0, 0) // opt_endofopt
	}
	size := uint32(len(all) + 4)
	a.order.PutUint32(all[4:], size)
	var tail [4]byte
	a.order.PutUint32(tail[:], size)
	return append(all, tail[:]...)
}

// options are comments as options of a block: opt_comment, padded to 32 bits.
func (a *annotator) options(comments []string) []byte {
	var all []byte
	for _, text := range comments {
		text = text[:min(len(text), ngMaxComment)]
		var head [4]byte
		a.order.PutUint16(head[:], ngComment)
		a.order.PutUint16(head[2:], uint16(len(text)))
		all = append(append(all, head[:]...), text...)
		for len(all)%4 != 0 {
			all = append(all, 0)
		}
	}
	return all
}
