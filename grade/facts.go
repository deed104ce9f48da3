package grade

import (
	"compress/gzip"
	"encoding/gob"
	"errors"
	"io"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/timeline"
)

// Facts are what is known of a scenario that was played. All times are nanoseconds
// since 1970, by one clock.
type Facts struct {
	Scenario Scenario
	Packets  []Packet // in the order of their ends, as the lab tells them
	Pieces   []Piece  // in the order in which they were written
	Dials    []Dial
	Pauses   []Pause
	Told     []Told // by the client, in the order of their ends
	KeyLog   []byte

	Certificate lab.Certificate
	Runs        int // how often it was played until the lab was not late
}

// A Packet is a lab.Record in numbers.
type Packet struct {
	Seq               uint64
	Down              bool
	Entered, Left, At int64
	Queued, Late      time.Duration
	Drop              link.Reason
	Copy              bool
	Conn              int
	Kind              link.Kind
	Nth               int
	Data              []byte
}

// A Piece is a part of a message where it stands in the stream of its direction.
type Piece struct {
	Conn     netip.AddrPort // the client's end
	Down     bool
	Exchange int // index into Scenario.Plans, from 1; 0 means nobody's
	Stream   uint32
	From, To int64 // offsets in the TCP stream
	Ready    int64 // when the program wanted it sent
	Body     int64 // of HTTP/2's DATA: how many bytes of body stand before it; -1 of what is no DATA
}

// A Dial is how a connection was opened. What did not happen took no time.
type Dial struct {
	Conn                              netip.AddrPort
	Begin, Looked, Connected, Secured int64
}

// A Pause is a time in which the client's program did not read an answer.
type Pause struct {
	Exchange int
	From, To int64
}

// A Told is what the client says of an exchange.
type Told struct {
	Exchange int
	Timeline timeline.Exchange
}

// Save writes facts to a file.
func (f *Facts) Save(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	zip, _ := gzip.NewWriterLevel(file, gzip.BestSpeed)
	err = gob.NewEncoder(zip).Encode(f)
	return errors.Join(err, zip.Close(), file.Close())
}

// Load reads what Save wrote.
func Load(name string) (*Facts, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	f := new(Facts)
	if err := gob.NewDecoder(zip).Decode(f); err != nil {
		return nil, err
	}
	return f, nil
}

// WriteCapture writes the packets as lab.Capture does.
func (f *Facts) WriteCapture(w io.Writer) error {
	c, err := lab.NewCapture(w)
	if err != nil {
		return err
	}
	for i := range f.Packets {
		c.Tap(f.Packets[i].record())
	}
	return c.Close()
}

func packetOf(r lab.Record, c clock) Packet {
	return Packet{
		Seq: r.Seq, Down: r.Dir == lab.Down,
		Entered: c.of(r.Entered), Left: c.of(r.Left), At: c.of(r.At),
		Queued: r.Queued, Late: r.Late, Drop: r.Drop, Copy: r.Copy,
		Conn: r.Conn, Kind: r.Kind, Nth: r.Nth, Data: r.Data,
	}
}

func (p *Packet) record() lab.Record {
	dir := lab.Up
	if p.Down {
		dir = lab.Down
	}
	return lab.Record{
		Seq: p.Seq, Dir: dir, Entered: time.Unix(0, p.Entered), Left: time.Unix(0, p.Left), At: time.Unix(0, p.At),
		Queued: p.Queued, Late: p.Late, Drop: p.Drop, Copy: p.Copy,
		Conn: p.Conn, Kind: p.Kind, Nth: p.Nth, Data: p.Data,
	}
}

// A clock makes numbers of times. It counts by the monotonic clock from one reading of
// the wall clock, so that no step of that one is between two times.
type clock struct{ start time.Time }

func (c clock) of(t time.Time) int64 { return c.start.UnixNano() + int64(t.Sub(c.start)) }
func (c clock) now() int64           { return c.of(time.Now()) }

// A notebook takes the facts of a run as they happen, from any goroutine.
type notebook struct {
	clock clock

	mu      sync.Mutex
	packets []Packet                          // guarded by mu, as is all below
	pieces  []Piece                           // of HTTP/2 without Exchange, until the end
	streams map[netip.AddrPort]map[uint32]int // the exchange of each stream
	writes  map[int][]bodyWrite               // of HTTP/2's handlers, by exchange
	dials   []Dial
	pauses  []Pause
	told    []Told
	keys    []byte
}

// A bodyWrite is when a handler wanted the bytes of the body before upTo sent.
type bodyWrite struct{ upTo, at int64 }

func newNotebook() *notebook {
	return &notebook{
		clock:   clock{time.Now()},
		streams: make(map[netip.AddrPort]map[uint32]int),
		writes:  make(map[int][]bodyWrite),
	}
}

// with runs f while nobody else writes.
func (n *notebook) with(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// Write takes lines of a key log: it is tls.Config's KeyLogWriter.
func (n *notebook) Write(line []byte) (int, error) {
	n.with(func() { n.keys = append(n.keys, line...) })
	return len(line), nil
}

func (n *notebook) tap(r lab.Record) {
	p := packetOf(r, n.clock)
	n.with(func() { n.packets = append(n.packets, p) })
}

func (n *notebook) stream(conn netip.AddrPort, stream uint32, exchange int) {
	n.with(func() {
		if n.streams[conn] == nil {
			n.streams[conn] = make(map[uint32]int)
		}
		n.streams[conn][stream] = exchange
	})
}

func (n *notebook) wrote(exchange int, upTo int64) {
	at := n.clock.now()
	n.with(func() { n.writes[exchange] = append(n.writes[exchange], bodyWrite{upTo, at}) })
}

// facts are what has been noted.
func (n *notebook) facts(s Scenario) *Facts {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.pieces {
		n.settleLocked(&n.pieces[i])
	}
	return &Facts{Scenario: s, Packets: n.packets, Pieces: n.pieces, Dials: n.dials, Pauses: n.pauses, Told: n.told, KeyLog: n.keys}
}

// settleLocked finds the exchange of a piece of HTTP/2, and when its handler wrote it:
// the server may have kept it back for others.
func (n *notebook) settleLocked(p *Piece) {
	if p.Stream == 0 {
		return
	}
	p.Exchange = n.streams[p.Conn][p.Stream]
	if !p.Down {
		return
	}
	for _, w := range n.writes[p.Exchange] {
		if p.Body < 0 || w.upTo > p.Body {
			p.Ready = min(p.Ready, w.at)
			return
		}
	}
}
