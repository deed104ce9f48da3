package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/sniff"
)

// Taking a capture of a page's packets: from this host's interfaces, or from a lab's
// tap.

// A recording is a capture that is being taken.
type recording interface {
	// expect says to which addresses connections will be opened.
	expect(addrs []netip.AddrPort)

	// finish ends the capture, when the page is there. It returns the file, and in a
	// sentence each what is wrong with it. The error is why there is none.
	finish() (path string, defects []string, err error)

	// discard takes the file away.
	discard() error
}

// newRecordingFile makes a file for a capture, that is to be removed.
func newRecordingFile() (*os.File, error) { return os.CreateTemp("", "linger-*.pcapng") }

// A tapping is the capture of a lab.
type tapping struct {
	file    *os.File
	capture *lab.Capture
}

func newTapping() (*tapping, error) {
	file, err := newRecordingFile()
	if err != nil {
		return nil, err
	}
	capture, err := lab.NewCapture(file)
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return &tapping{file, capture}, nil
}

func (t *tapping) expect([]netip.AddrPort) {}

func (t *tapping) finish() (string, []string, error) {
	return t.file.Name(), nil, errors.Join(t.capture.Close(), t.file.Close())
}

func (t *tapping) discard() error { return os.Remove(t.file.Name()) }

// A silence is a recording that cannot be made.
type silence struct{ why error }

func (s silence) expect([]netip.AddrPort)           {}
func (s silence) finish() (string, []string, error) { return "", nil, s.why }
func (s silence) discard() error                    { return nil }

// sniffing begins a capture of this host's packets. Where that is not allowed it is a
// silence, unless the packets themselves were asked for.
func (f *explainFlags) sniffing() (recording, error) {
	s, err := sniff.Open()
	if err != nil && f.pcapng != "" {
		return nil, explainError{fmt.Errorf("--pcapng: packets cannot be captured: %w", err), needOf(err)}
	}
	if err != nil {
		return silence{err}, nil
	}
	file, err := newRecordingFile()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	n := &sniffed{sniffer: s, file: file, peers: make(map[netip.AddrPort]bool), interfaces: make(map[int]int), ended: make(chan error, 1)}
	go n.run()
	return n, nil
}

// needOf is what would let packets be captured.
func needOf(err error) string {
	var byHost *sniff.Error
	if errors.As(err, &byHost) {
		return byHost.Need()
	}
	return ""
}

// A sniffed is a capture of this host's packets: those with the client's servers.
type sniffed struct {
	sniffer *sniff.Sniffer
	file    *os.File
	ended   chan error // of run

	mu    sync.Mutex
	peers map[netip.AddrPort]bool // guarded by mu

	// Of run alone.
	writer     *pcapgo.NgWriter
	interfaces map[int]int // of the file, by the kernel's index
	packet     packet.Packet
	last       time.Time
	failed     error
}

func (n *sniffed) expect(addrs []netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addrs {
		n.peers[plainEnd(a)] = true
	}
}

func (n *sniffed) expected(a netip.AddrPort) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.peers[a]
}

// run writes packets until the sniffer has ended.
func (n *sniffed) run() { n.ended <- n.sniffer.Run(n.take) }

// take writes a packet to the file, and says whether it is one of those that are
// wanted.
func (n *sniffed) take(f *sniff.Frame) bool {
	if n.packet.Decode(f.Data, f.Length) != nil || n.packet.Protocol != packet.ProtocolTCP {
		return false
	}
	if !n.expected(n.packet.Src) && !n.expected(n.packet.Dst) {
		return false
	}
	if n.failed == nil {
		n.failed = n.write(f)
	}
	return true
}

// backwards is how far the times of two packets may be out of order because two CPUs
// took them.
const backwards = time.Millisecond

func (n *sniffed) write(f *sniff.Frame) error {
	i, err := n.numbered(f.Interface)
	if err != nil {
		return err
	}
	at := f.At
	if early := n.last.Sub(at); early > 0 && early < backwards {
		at = n.last
	}
	n.last = at
	info := gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(f.Data), Length: f.Length, InterfaceIndex: i}
	return n.writer.WritePacket(info, f.Data)
}

// numbered is an interface's place in the file.
func (n *sniffed) numbered(i sniff.Interface) (int, error) {
	if at, known := n.interfaces[i.Index]; known {
		return at, nil
	}
	about := pcapgo.NgInterface{Name: i.Name, LinkType: layers.LinkTypeRaw}
	var err error
	at := 0
	if n.writer == nil {
		n.writer, err = pcapgo.NewNgWriterInterface(n.file, about, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "linger"}})
	} else {
		at, err = n.writer.AddInterface(about)
	}
	n.interfaces[i.Index] = at
	return at, err
}

var errNoPackets = errors.New("none of the client's packets passed an interface of this host")

func (n *sniffed) finish() (string, []string, error) {
	n.sniffer.Finish()
	err := errors.Join(<-n.ended, n.failed, n.sniffer.Close())
	if n.writer != nil {
		err = errors.Join(err, n.writer.Flush())
	} else if err == nil {
		err = errNoPackets
	}
	if err = errors.Join(err, n.file.Close()); err != nil {
		return "", nil, err
	}
	var defects []string
	if missed := n.sniffer.Missed(); missed > 0 {
		defects = append(defects, fmt.Sprintf("There was no room for %d packets of this host: some of the page's may be missing.", missed))
	}
	return n.file.Name(), defects, nil
}

// discard ends the capture, if it has not ended, and takes the file away.
func (n *sniffed) discard() error {
	n.sniffer.Finish()
	return errors.Join(n.sniffer.Close(), os.Remove(n.file.Name()))
}
