package lab

import (
	"cmp"
	"container/heap"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/lingerhttp/linger/link"
)

// A Capture writes records as a pcapng file: what two captures, one at each end of
// the link, would have seen by one clock. Its interfaces are "client" and "server".
// A packet stands at its sender's when it entered, and at its receiver's when it
// was handed over: at At+Late, since that is when the receiver's kernel saw it, and
// what it answered came after. Both carry Seq as the packet's ID.
//
// Packets have comments. At the sender: "queue 3.2 ms, conn 2 data 7", or "dropped:
// codel, after 12.3 ms in the queue", which is Record.Queued. At the receiver:
// "copy", and "late 1.5 ms" where Late exceeds 1 ms. A copy has no entry, and one
// that is dropped on its further way stands nowhere.
//
// The file is in the order of time, which is not that of the records: they come
// when packets end. So an entry waits for the ends of all that entered before, and
// an arrival for the next entry after it. Where a record never comes (the tap was
// too slow, or [Lab.Renew] cut its packet off), up to 128 MiB wait before its packet
// is given up.
//
// A Capture is for one goroutine at a time, and for one lab.
type Capture struct {
	w       *pcapgo.NgWriter
	next    uint64    // Seq of the entry that is to be written next
	ended   bySeq     // packets whose entry is not written yet
	arrived []*Record // arrivals that are not written yet, in their order
	waiting int       // bytes of both
	most    int       // of them: maxWaiting
	last    time.Time // of the frame written last
	givenUp int       // packets that ended after all
	err     error     // the first
}

const (
	maxWaiting = 128 << 20
	recordSize = 256 // what a record takes besides its data, about
)

// The interfaces of a capture, by their index.
const (
	atClient = iota
	atServer
)

// NewCapture begins a file.
func NewCapture(w io.Writer) (*Capture, error) {
	end := func(name, what string) pcapgo.NgInterface {
		return pcapgo.NgInterface{Name: name, Description: what, LinkType: layers.LinkTypeRaw}
	}
	about := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "linger"}}
	ng, err := pcapgo.NewNgWriterInterface(w, end("client", "the client's end of the link"), about)
	if err != nil {
		return nil, failed("capture", err)
	}
	if _, err := ng.AddInterface(end("server", "the servers' end of the link")); err != nil {
		return nil, failed("capture", err)
	}
	return &Capture{w: ng, next: 1, most: maxWaiting}, nil
}

// Tap takes a record in; it fits Config.Tap. What fails, Close tells.
func (c *Capture) Tap(r Record) {
	if c.err != nil {
		return
	}
	if !r.Copy {
		c.await(&r)
	}
	if r.Drop == link.None {
		c.arrived = append(c.arrived, &r)
		c.waiting += r.size()
	}
	for len(c.ended) > 0 && (c.ended[0].Seq == c.next || c.waiting > c.most) {
		c.enter()
	}
}

// Close writes what still waits, but does not close the writer below. Close the lab
// first. Its error is the first that was met since NewCapture.
func (c *Capture) Close() error {
	for len(c.ended) > 0 {
		c.enter()
	}
	for len(c.arrived) > 0 {
		c.arrive()
	}
	c.fail(c.w.Flush())
	if c.givenUp > 0 {
		c.fail(fmt.Errorf("packets that ended too late to have an entry: %d", c.givenUp))
	}
	return c.err
}

// await puts a packet's entry where it has to wait.
func (c *Capture) await(r *Record) {
	if r.Seq < c.next {
		c.givenUp++
		return
	}
	heap.Push(&c.ended, r)
	c.waiting += r.size()
}

// enter writes the entry that is next among those that wait, after the arrivals
// before it. There are no others: what arrived before a packet entered was recorded
// before that packet's end.
func (c *Capture) enter() {
	r := heap.Pop(&c.ended).(*Record)
	for len(c.arrived) > 0 && before(c.arrived[0], r) {
		c.arrive()
	}
	c.next = r.Seq + 1
	c.waiting -= r.size()
	c.write(r, r.sender(), r.Entered, r.fate())
}

// before reports whether an arrival was before an entry. A packet does not arrive
// before it enters, and what answers it enters later.
func before(arrival, entry *Record) bool {
	return cmp.Or(arrival.handedOver().Compare(entry.Entered), cmp.Compare(arrival.Seq, entry.Seq)) < 0
}

// arrive writes the arrival that is next.
func (c *Capture) arrive() {
	r := c.arrived[0]
	c.arrived[0] = nil
	c.arrived = c.arrived[1:]
	c.waiting -= r.size()
	c.write(r, atClient+atServer-r.sender(), r.handedOver(), r.coming())
}

// write writes a frame.
func (c *Capture) write(r *Record, at int, when time.Time, comments []string) {
	if when.Before(c.last) {
		c.fail(fmt.Errorf("packet %d is told too late: the file is at %v, it at %v", r.Seq, c.last, when))
	}
	if c.err != nil {
		return
	}
	c.last = when
	way := pcapgo.NgEpbFlagDirectionInbound
	if at == r.sender() {
		way = pcapgo.NgEpbFlagDirectionOutbound
	}
	n := len(r.Data)
	c.fail(c.w.WritePacketWithOptions(
		gopacket.CaptureInfo{Timestamp: when, CaptureLength: n, Length: n, InterfaceIndex: at}, r.Data,
		pcapgo.NgPacketOptions{Comments: comments, Flags: &pcapgo.NgEpbFlags{Direction: way}, PacketID: &r.Seq}))
}

// fail remembers the first error.
func (c *Capture) fail(err error) {
	if c.err == nil {
		c.err = failed("capture", err)
	}
}

func (r *Record) size() int { return recordSize + len(r.Data) }

// handedOver is when the receiver's kernel got the packet.
func (r *Record) handedOver() time.Time { return r.At.Add(r.Late) }

// sender is the interface that the packet entered at.
func (r *Record) sender() int {
	if r.Dir == Up {
		return atClient
	}
	return atServer
}

// fate are the comments on a packet where it entered.
func (r *Record) fate() []string {
	queue := millis(r.Queued)
	var about []string
	if queue != "" && r.Drop == link.None {
		about = append(about, "queue "+queue)
	}
	if r.Conn > 0 {
		about = append(about, fmt.Sprintf("conn %d %v %d", r.Conn, r.Kind, r.Nth))
	}
	var all []string
	if r.Drop != link.None {
		all = append(all, "dropped: "+r.Drop.String()+place(r.Drop, queue))
	}
	if len(about) > 0 {
		all = append(all, strings.Join(about, ", "))
	}
	return all
}

// place says where a packet was dropped.
func place(why link.Reason, queue string) string {
	wire := ""
	if why > link.CoDel {
		wire = ", on the wire"
	}
	if queue == "" {
		return wire + ", at once"
	}
	return wire + ", after " + queue + " in the queue"
}

// coming are the comments on a packet where it arrived.
func (r *Record) coming() []string {
	var all []string
	if r.Copy {
		all = append(all, "copy")
	}
	if r.Late > defaultBound {
		all = append(all, "late "+millis(r.Late))
	}
	return all
}

// millis is a duration in milliseconds, to the microsecond; empty if it is less.
func millis(d time.Duration) string {
	if d = d.Round(time.Microsecond); d <= 0 {
		return ""
	}
	return strconv.FormatFloat(float64(d)/1e6, 'f', -1, 64) + " ms"
}

// bySeq is a heap of records: the first is that with the least Seq.
type bySeq []*Record

func (h bySeq) Len() int           { return len(h) }
func (h bySeq) Less(i, j int) bool { return h[i].Seq < h[j].Seq }
func (h bySeq) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *bySeq) Push(r any)        { *h = append(*h, r.(*Record)) }

func (h *bySeq) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return r
}
