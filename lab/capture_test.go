package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/lingerhttp/linger/link"
)

// captureStart is when captures of records that nobody sent begin.
var captureStart = time.Unix(1_700_000_000, 0).UTC()

// after is so many milliseconds later.
func after(millis float64) time.Time {
	return captureStart.Add(time.Duration(millis * 1e6))
}

// upRecord is a packet that went up and arrived, at these milliseconds.
func upRecord(seq uint64, entered, at float64) Record {
	return Record{Seq: seq, Entered: after(entered), Left: after(entered), At: after(at), Data: []byte{0x45, byte(seq)}}
}

// downRecord is one that came down.
func downRecord(seq uint64, entered, at float64) Record {
	r := upRecord(seq, entered, at)
	r.Dir = Down
	return r
}

// with changes a record.
func (r Record) with(change func(*Record)) Record {
	change(&r)
	r.Queued = r.Left.Sub(r.Entered)
	return r
}

func dropped(why link.Reason) func(*Record) {
	return func(r *Record) { r.Drop = why }
}

func copied(r *Record) { r.Copy = true }

// A captureCase is records and the frames that a capture makes of them.
type captureCase struct {
	records []Record
	want    []string
}

func TestCapture(t *testing.T) {
	for _, cases := range []map[string]captureCase{captureOrder, captureComments, captureCopies} {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) { c.test(t) })
		}
	}
}

func (c captureCase) test(t *testing.T) {
	// In the order of their ends, as the relay tells them.
	slices.SortStableFunc(c.records, func(a, b Record) int { return a.handedOver().Compare(b.handedOver()) })
	var got []string
	for _, f := range readCapture(t, captureOf(t, c.records)) {
		got = append(got, f.String())
	}
	if !slices.Equal(got, c.want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
	}
}

// captureOrder: who stands where.
var captureOrder = map[string]captureCase{
	"nothing": {nil, nil},
	"up":      {[]Record{upRecord(1, 1, 11)}, []string{"1ms client out #1", "11ms server in #1"}},
	"down":    {[]Record{downRecord(1, 1, 11)}, []string{"1ms server out #1", "11ms client in #1"}},
	"a later one ends first": {
		[]Record{downRecord(2, 2, 3), upRecord(3, 4, 5), upRecord(1, 1, 10), downRecord(4, 11, 12)},
		[]string{"1ms client out #1", "2ms server out #2", "3ms client in #2", "4ms client out #3", "5ms server in #3", "10ms server in #1", "11ms server out #4", "12ms client in #4"},
	},
	"an answer at the instant of the arrival": {
		[]Record{upRecord(1, 1, 1), downRecord(2, 1, 1)},
		[]string{"1ms client out #1", "1ms server in #1", "1ms server out #2", "1ms client in #2"},
	},
	"one has no record": {
		[]Record{upRecord(1, 0, 5), upRecord(3, 2, 6), downRecord(6, 7, 8)},
		[]string{"0s client out #1", "2ms client out #3", "5ms server in #1", "6ms server in #3", "7ms server out #6", "8ms client in #6"},
	},
}

// captureComments: what is said of a packet.
var captureComments = map[string]captureCase{
	"queue and name": {
		[]Record{upRecord(1, 0, 9).with(func(r *Record) {
			r.Left, r.Conn, r.Kind, r.Nth = after(3.2), 2, link.Data, 7
		})},
		[]string{"0s client out #1 [queue 3.2 ms, conn 2 data 7]", "9ms server in #1"},
	},
	"a name alone": {
		[]Record{downRecord(1, 0, 9).with(func(r *Record) { r.Conn, r.Kind, r.Nth = 1, link.SYNACK, 1 })},
		[]string{"0s server out #1 [conn 1 synack 1]", "9ms client in #1"},
	},
	"tail": {
		[]Record{upRecord(1, 0, 0).with(dropped(link.Tail)), upRecord(2, 1, 2)},
		[]string{"0s client out #1 [dropped: tail, at once]", "1ms client out #2", "2ms server in #2"},
	},
	"codel": {
		[]Record{downRecord(1, 0, 12.3).with(func(r *Record) {
			r.Left, r.Drop, r.Conn, r.Kind, r.Nth = r.At, link.CoDel, 1, link.ACK, 3
		})},
		[]string{"0s server out #1 [dropped: codel, after 12.3 ms in the queue | conn 1 ack 3]"},
	},
	"lost on the wire": {
		[]Record{
			upRecord(1, 0, 5).with(func(r *Record) { r.Left, r.Drop = r.At, link.Lost }),
			upRecord(2, 5, 5).with(dropped(link.Named)), upRecord(3, 5, 5).with(dropped(link.LostInBurst)),
		},
		[]string{
			"0s client out #1 [dropped: lost, on the wire, after 5 ms in the queue]",
			"5ms client out #2 [dropped: named, on the wire, at once]", "5ms client out #3 [dropped: burst, on the wire, at once]",
		},
	},
	"late": {
		[]Record{
			upRecord(1, 0, 5).with(func(r *Record) { r.Late = 1500 * time.Microsecond }), downRecord(2, 6, 7),
			upRecord(3, 8, 9).with(func(r *Record) { r.Late = time.Millisecond }),
		},
		[]string{"0s client out #1", "6ms server out #2", "6.5ms server in #1 [late 1.5 ms]", "7ms client in #2", "8ms client out #3", "10ms server in #3"},
	},
}

// captureCopies: what a link made of another has no entry.
var captureCopies = map[string]captureCase{
	"a copy": {
		[]Record{upRecord(1, 0, 5), upRecord(1, 0, 5).with(copied), upRecord(2, 6, 7)},
		[]string{"0s client out #1", "5ms server in #1", "5ms server in #1 [copy]", "6ms client out #2", "7ms server in #2"},
	},
	"a copy that is dropped": {
		[]Record{upRecord(1, 0, 5).with(copied).with(dropped(link.Tail)), upRecord(1, 0, 6)},
		[]string{"0s client out #1", "6ms server in #1"},
	},
	"only the copy arrives": {
		[]Record{upRecord(1, 0, 4).with(dropped(link.Tail)), upRecord(1, 0, 5).with(copied)},
		[]string{"0s client out #1 [dropped: tail, at once]", "5ms server in #1 [copy]"},
	},
}

func captureOf(t *testing.T, records []Record) *bytes.Buffer {
	t.Helper()
	var file bytes.Buffer
	c, err := NewCapture(&file)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		c.Tap(r)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return &file
}

// A frame is one of a file.
type frame struct {
	at       time.Time
	where    string // the interface
	out      bool
	id       uint64
	comments []string
	data     []byte
}

func (f frame) String() string {
	way := "in"
	if f.out {
		way = "out"
	}
	s := fmt.Sprintf("%v %s %s #%d", f.at.Sub(captureStart), f.where, way, f.id)
	if len(f.comments) > 0 {
		s += " [" + strings.Join(f.comments, " | ") + "]"
	}
	return s
}

// readCapture reads a file that has two interfaces of raw IP.
func readCapture(t *testing.T, file io.Reader) (frames []frame) {
	t.Helper()
	ng, err := pcapgo.NewNgReader(file, pcapgo.NgReaderOptions{ErrorOnMismatchingLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, about, opts, err := ng.ReadPacketDataWithOptions()
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		on, err := ng.Interface(about.InterfaceIndex)
		if err != nil || ng.NInterfaces() != 2 || on.LinkType != layers.LinkTypeRaw || on.Description == "" || opts.PacketID == nil || opts.Flags == nil {
			t.Fatalf("a frame at %+v (%v), one of %d interfaces, with options %+v", on, err, ng.NInterfaces(), opts)
		}
		out := opts.Flags.Direction == pcapgo.NgEpbFlagDirectionOutbound
		frames = append(frames, frame{about.Timestamp, on.Name, out, *opts.PacketID, opts.Comments, data})
	}
}

// TestCaptureOfAnything: every packet once where it entered, every arrival where it
// arrived, with its own bytes, in the order of time.
func TestCaptureOfAnything(t *testing.T) {
	for seed := range uint64(50) {
		records := anyRecords(rand.New(rand.NewPCG(seed, 0)), 500)
		frames := readCapture(t, captureOf(t, records))
		var want []string
		for _, r := range records {
			if !r.Copy {
				want = append(want, fmt.Sprint(r.Entered.UnixNano(), []string{"client", "server"}[r.Dir], r.Seq, r.Data))
			}
			if r.Drop == link.None {
				want = append(want, fmt.Sprint(r.At.Add(r.Late).UnixNano(), []string{"server", "client"}[r.Dir], r.Seq, r.Data))
			}
		}
		var got []string
		for i, f := range frames {
			got = append(got, fmt.Sprint(f.at.UnixNano(), f.where, f.id, f.data))
			if i > 0 && f.at.Before(frames[i-1].at) {
				t.Fatalf("seed %d: frame %d is before its predecessor: %v, %v", seed, i+1, f, frames[i-1])
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d frames, want %d, or other ones", seed, len(got), len(want))
		}
	}
}

// anyRecords are n packets and copies of some, in the order of their ends.
func anyRecords(draw *rand.Rand, n int) (records []Record) {
	at := captureStart
	span := func(most time.Duration) time.Duration { return time.Duration(draw.Int64N(int64(most))) }
	for seq := range uint64(n) {
		at = at.Add(span(2 * time.Millisecond))
		r := Record{
			Seq: seq + 1, Dir: Direction(draw.IntN(2)), Entered: at, Left: at, At: at.Add(span(50 * time.Millisecond)),
			Late: span(3 * time.Millisecond), Data: binaryOf(seq, draw.IntN(10)),
		}
		if draw.IntN(10) == 0 {
			r.Drop, r.Late = link.Tail, 0
		}
		records = append(records, r)
		if draw.IntN(10) == 0 {
			records = append(records, r.with(copied))
		}
	}
	slices.SortStableFunc(records, func(a, b Record) int {
		return cmp.Or(a.handedOver().Compare(b.handedOver()), cmp.Compare(a.Seq, b.Seq))
	})
	return records
}

func binaryOf(seq uint64, more int) []byte {
	return append([]byte{0x45, byte(seq >> 8), byte(seq)}, make([]byte, more)...)
}

// TestCaptureForgets: what waits is no more than what is in flight.
func TestCaptureForgets(t *testing.T) {
	c, err := NewCapture(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(100_000) { // one each millisecond, ten under way
		c.Tap(upRecord(i+1, float64(i), float64(i)+10))
		if n := len(c.ended) + len(c.arrived); n > 12 {
			t.Fatalf("%d records wait after %d", n, i+1)
		}
	}
	if err := c.Close(); err != nil || c.waiting != 0 {
		t.Errorf("%v, and %d bytes wait after all", err, c.waiting)
	}
}

// TestCaptureGivesUp: a packet whose record does not come holds up so much and no
// more. If it comes after all, the file is without its entry, and Close says so.
func TestCaptureGivesUp(t *testing.T) {
	var file bytes.Buffer
	c, err := NewCapture(&file)
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 1<<10)
	c.most = 128 << 10
	enter := func(seq uint64) {
		c.Tap(upRecord(seq, float64(seq), float64(seq)+0.5).with(func(r *Record) { r.Data = large }))
	}
	enter(1)
	for seq := uint64(3); seq < 200; seq++ {
		enter(seq)
		if c.waiting > c.most {
			t.Fatalf("%d bytes wait", c.waiting)
		}
		if seq == 40 && c.next != 2 {
			t.Error("packet 2 was given up at once")
		}
	}
	if c.next != 200 {
		t.Errorf("after packet 199 the next is %d", c.next)
	}
	c.Tap(upRecord(2, 2, 300))
	c.Tap(upRecord(200, 301, 302))
	err = c.Close()
	if err == nil || !strings.Contains(err.Error(), "too late to have an entry: 1") {
		t.Errorf("Close says %v", err)
	}
	var of2 []string
	for _, f := range readCapture(t, &file) {
		if f.id == 2 {
			of2 = append(of2, f.String())
		}
	}
	if !slices.Equal(of2, []string{"300ms server in #2"}) {
		t.Errorf("of packet 2 the file has %q", of2)
	}
}

func TestCaptureErrors(t *testing.T) {
	full := errors.New("no space left")
	c, err := NewCapture(&fullAfter{n: 5000, err: full})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(1000) {
		c.Tap(upRecord(i+1, float64(i), float64(i)))
	}
	if err := c.Close(); !errors.Is(err, full) || !errors.As(err, new(*Error)) {
		t.Errorf("a full disk: %v", err)
	}
	if len(c.ended)+len(c.arrived) > 2 {
		t.Errorf("a full disk: %d records are kept", len(c.ended)+len(c.arrived))
	}

	var file bytes.Buffer
	if c, err = NewCapture(&file); err != nil {
		t.Fatal(err)
	}
	c.Tap(upRecord(1, 10, 20))
	c.Tap(upRecord(2, 5, 6))
	c.Tap(upRecord(3, 30, 40))
	if err := c.Close(); err == nil || !strings.Contains(err.Error(), "packet 2") {
		t.Errorf("a packet that entered before its predecessor: %v", err)
	}
	if frames := readCapture(t, &file); len(frames) != 1 || frames[0].String() != "10ms client out #1" {
		t.Errorf("it is in the file, or something behind it: %v", frames)
	}
}

// fullAfter takes n bytes, and then none.
type fullAfter struct {
	n   int
	err error
}

func (w *fullAfter) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, w.err
	}
	return len(b), nil
}

// TestCaptureInTshark: a real run, read by those who know better.
func TestCaptureInTshark(t *testing.T) {
	if err := Available(); err != nil {
		t.Skip(err)
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("no tshark in PATH: apt-get install tshark")
	}
	file, counts := captureRun(t)
	fields := strings.Split("frame.time_delta frame.interface_name frame.comment frame.interface_description ip.checksum.status tcp.checksum.status udp.checksum.status frame.packet_flags_direction", " ")
	rows := tshark(t, file, "", fields...)
	seen := make(map[string]int)
	for i, row := range rows {
		delta, err := strconv.ParseFloat(row[0], 64)
		if err != nil || delta < 0 {
			t.Errorf("frame %d: %q s after its predecessor", i+1, row[0])
		}
		for _, status := range row[4:7] { // "1" is good
			if status != "1" && status != "" {
				t.Errorf("frame %d: checksum status %q in %q", i+1, status, row)
			}
		}
		for n, v := range row[1:] {
			seen[fields[n+1]+" "+v]++
		}
		if strings.HasPrefix(row[2], "dropped: ") {
			seen["dropped"]++
		}
		seen[row[1]+" "+row[7]]++
	}
	for _, want := range []string{
		"frame.interface_name client", "frame.interface_name server", "client 0x00000001", "client 0x00000002", "server 0x00000001", "server 0x00000002",
		"frame.interface_description the client's end of the link", "frame.comment copy", "ip.checksum.status 1", "tcp.checksum.status 1", "udp.checksum.status 1",
		"frame.comment dropped: named, on the wire, after 0.096 ms in the queue,conn 1 syn 1", // 60 bytes at 5 Mbit/s
	} {
		if seen[want] == 0 {
			t.Errorf("no frame has %q", want)
		}
	}
	sent := int(counts[Up].Packets + counts[Down].Packets)
	gone := int(counts[Up].Drops() + counts[Down].Drops())
	entries := seen["client 0x00000002"] + seen["server 0x00000002"]
	if entries != sent || seen["dropped"] != gone || counts[Down].Dropped["tail"] == 0 || len(rows) < 2*sent-gone {
		t.Errorf("%d frames, %d entries, %d dropped; the lab counts %v and %v", len(rows), entries, seen["dropped"], counts[Up], counts[Down])
	}
	if bad := tshark(t, file, "_ws.malformed || _ws.expert.severity == error", "frame.number", "_ws.col.Info"); len(bad) > 0 {
		t.Errorf("%d frames are malformed; the first is %q", len(bad), bad[0])
	}
}

// captureRun downloads something in a lab that loses and copies packets, over IPv4
// and, where there is one, IPv6, and looks a name up.
func captureRun(t *testing.T) (name string, counts [2]Counts) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "run.pcapng")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c, err := NewCapture(file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(Config{
		Up:   link.Config{Delay: 5 * time.Millisecond, Rate: 5_000_000, Drop: []link.Drop{{Conn: 1, Kind: link.SYN, Nth: 1}}},
		Down: link.Config{Delay: 5 * time.Millisecond, Rate: 20_000_000, Queue: link.Queue{Packets: 5}, Duplicate: 0.2},
		Tap:  c.Tap,
	})
	if err != nil {
		t.Fatal(err)
	}
	download(t, l)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if _, err := l.Client.Resolver().LookupHost(ctx, DefaultName); err != nil {
		t.Error(err)
	}
	if err := l.Quiet(ctx); err != nil {
		t.Error(err)
	}
	counts[Up], counts[Down] = l.Counts()
	if err := errors.Join(l.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	return name, counts
}

// download gets 200 kB from a server in the lab, over each version of IP.
func download(t *testing.T, l *Lab) {
	t.Helper()
	const size = 200_000
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, size))
	})}
	listener, err := l.Server.Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go serve(&server, listener, served)
	defer func() { _ = server.Close(); <-served }()
	for i := range len(l.Client.Addrs()) {
		network := []string{"tcp4", "tcp6"}[i]
		transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return l.Client.DialContext(ctx, network, addr)
		}}
		client := http.Client{Transport: transport, Timeout: 20 * time.Second}
		resp, err := client.Get("http://" + DefaultName + "/")
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); n != size || err != nil {
			t.Errorf("%s: %d bytes, %v", network, n, err)
		}
	}
}

func serve(s *http.Server, l net.Listener, done chan<- error) { done <- s.Serve(l) }

// tshark reads fields of the frames that a filter lets through.
func tshark(t *testing.T, file, filter string, fields ...string) (rows [][]string) {
	t.Helper()
	args := []string{"-n", "-r", file, "-T", "fields"}
	for _, o := range []string{"ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.desegment_tcp_streams:FALSE"} {
		args = append(args, "-o", o)
	}
	if filter != "" {
		args = append(args, "-Y", filter)
	}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, "tshark", args...).Output()
	if err != nil {
		t.Fatalf("tshark %q: %v", args, err)
	}
	for line := range strings.Lines(string(out)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows
}
