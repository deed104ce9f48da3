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

	// network is the interface of the capture that is to be explained; empty for all.
	network() string

	// finish ends the capture, when the page is there. It returns the file, and in a
	// sentence each what is wrong with it. The error is why there is none.
	finish() (path string, defects []string, err error)

	// discard takes the file away, after finish.
	discard() error
}

// newRecordingFile makes a file for a capture, that is to be removed.
func newRecordingFile() (*os.File, error) { return os.CreateTemp("", "linger-*.pcapng") }

// A labTap hands what a lab tells of its packets to the capture that is being taken, if
// there is one.
type labTap struct {
	mu      sync.Mutex
	capture *lab.Capture // guarded by mu; nil if none is being taken
	told    int64        // guarded by mu: packets, without copies
}

// take fits lab.Config.Tap.
func (t *labTap) take(r lab.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !r.Copy {
		t.told++
	}
	if t.capture != nil {
		t.capture.Tap(r)
	}
}

// put has packets go to a capture from now on, and returns how many were told before.
func (t *labTap) put(c *lab.Capture) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.capture = c
	return t.told
}

// A tapping is a capture of a lab's packets, at both ends of the link.
type tapping struct {
	lab     *lab.Lab
	tap     *labTap
	file    *os.File
	capture *lab.Capture
	ahead   int64 // by how much more packets had entered than were told
}

// record begins a capture. What is to be in it enters the link later.
func (s labSite) record() (recording, error) {
	file, err := newRecordingFile()
	if err != nil {
		return nil, err
	}
	capture, err := lab.NewCapture(file)
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	t := &tapping{lab: s.lab, tap: s.tap, file: file, capture: capture}
	t.ahead = t.entered() - s.tap.put(capture)
	return t, nil
}

// entered is how many packets have entered the link.
func (t *tapping) entered() int64 {
	up, down := t.lab.Counts()
	return up.Packets + down.Packets
}

// expect has nothing to do: there are no other packets in a lab.
func (t *tapping) expect([]netip.AddrPort) {}

// clientEnd is the interface of a lab's capture at its client.
const clientEnd = "client"

func (t *tapping) network() string { return clientEnd }

// telling is how long the tap may take to tell of packets that have arrived.
const telling = 2 * time.Second

// finish waits until all packets that entered the link were told.
func (t *tapping) finish() (string, []string, error) {
	var missing int64
	for end := time.Now().Add(telling); ; time.Sleep(time.Millisecond) {
		missing = t.entered() - t.ahead - t.tap.put(t.capture)
		if missing <= 0 || time.Now().After(end) {
			break
		}
	}
	t.tap.put(nil)
	var defects []string
	if missing > 0 {
		defects = append(defects, fmt.Sprintf("The lab did not tell of %d packets that entered the link.", missing))
	}
	return t.file.Name(), defects, errors.Join(t.capture.Close(), t.file.Close())
}

func (t *tapping) discard() error {
	t.tap.put(nil)
	return os.Remove(t.file.Name())
}

// A silence is a recording that cannot be made.
type silence struct{ why error }

func (s silence) expect([]netip.AddrPort)           {}
func (s silence) network() string                   { return "" }
func (s silence) finish() (string, []string, error) { return "", nil, s.why }
func (s silence) discard() error                    { return nil }

// record begins a capture of this host's packets. Its error is a *sniff.Error where that
// is not allowed.
func (s plainSite) record() (recording, error) {
	sniffer, err := sniff.Open()
	if err != nil {
		return nil, err
	}
	file, err := newRecordingFile()
	if err != nil {
		return nil, errors.Join(err, sniffer.Close())
	}
	n := &sniffed{sniffer: sniffer, file: file, peers: make(map[netip.AddrPort]bool), interfaces: make(map[int]int), ended: make(chan error, 1)}
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

func (n *sniffed) network() string { return "" }

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

func (n *sniffed) finish() (string, []string, error) {
	n.sniffer.Finish()
	err := errors.Join(<-n.ended, n.failed, n.sniffer.Close())
	if n.writer == nil {
		return "", []string{"No packet of the client's passed an interface of this host."}, errors.Join(err, n.file.Close())
	}
	err = errors.Join(err, n.writer.Flush(), n.file.Close())
	var defects []string
	if missed := n.sniffer.Missed(); missed > 0 {
		defects = append(defects, fmt.Sprintf("There was no room for %d packets of this host: some of the page's may be missing.", missed))
	}
	return n.file.Name(), defects, err
}

// discard takes the file away, after finish.
func (n *sniffed) discard() error { return os.Remove(n.file.Name()) }
