package packet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// outcome is all that a reader says of a file, as text.
func outcome(r io.Reader) string {
	reader, err := NewReader(r)
	if err != nil {
		return err.Error()
	}
	var all strings.Builder
	for p, err := range reader.Packets() {
		if err != nil {
			fmt.Fprintln(&all, err)
			continue
		}
		fmt.Fprintln(&all, p.Number, p.At, p.Interface, p.ID, p.Header, p.Options, len(p.Data), string(p.Bytes()))
	}
	fmt.Fprintf(&all, "%+v\n%v\n%s\n%q", reader.Defects(), reader.Interfaces(), reader.Secrets(), reader.Defects().Sentences())
	return all.String()
}

// TestFormats: the same packets in every format are the same.
func TestFormats(t *testing.T) {
	for name, file := range files(t) {
		reader, err := NewReader(bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		at := time.Unix(1_700_000_000, 0).UnixNano()
		n := 0
		for p, err := range reader.Packets() {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := conversation(t)[n%4]
			h, _ := Decode(want)
			if p.Number != n+1 || p.At != at+int64(n%4)*1_000_000 || p.Header != h || !bytes.Equal(p.Data, want) || p.Interface != 0 {
				t.Errorf("%s: packet %d is %+v", name, n+1, p)
			}
			n++
		}
		both := strings.Contains(name, "both")
		if n != 4 && !both || both && n != 8 {
			t.Errorf("%s: %d packets", name, n)
		}
		if said := reader.Defects().Sentences(); len(said) > 0 && !both {
			t.Errorf("%s: %q", name, said)
		}
		if i := reader.Interfaces(); len(i) != 1 || i[0].Link != linkRaw {
			t.Errorf("%s: interfaces %v", name, i)
		}
	}
}

// TestCutIntoReads: what comes out does not depend on how the file comes in.
func TestCutIntoReads(t *testing.T) {
	all := files(t)
	for name, b := range damagedFiles(t) {
		all[name] = b.file
	}
	for name, file := range all {
		want := outcome(bytes.NewReader(file))
		for how, r := range map[string]io.Reader{
			"byte by byte": iotest.OneByteReader(bytes.NewReader(file)), "halves": iotest.HalfReader(bytes.NewReader(file)),
			"the error with the data": iotest.DataErrReader(bytes.NewReader(file)),
		} {
			if got := outcome(r); got != want {
				t.Errorf("%s, %s:\n%s\nwant\n%s", name, how, got, want)
			}
		}
	}
}

// TestAsItGrows: each packet is handed over with its last byte.
func TestAsItGrows(t *testing.T) {
	for name, file := range files(t) {
		if strings.Contains(name, "gzip") {
			continue
		}
		in, out := io.Pipe()
		come := make(chan int)
		go func() {
			defer close(come)
			reader, err := NewReader(in)
			if err != nil {
				t.Error(err)
				return
			}
			for p := range reader.Packets() {
				come <- p.Number
			}
		}()
		// The end of each packet is where the file with one byte less has one packet less.
		for n, from := 1, 0; from < len(file); n++ {
			to := from + 1
			for count(file[:to]) < n && to < len(file) {
				to++
			}
			out.Write(file[from:to])
			if got := <-come; got != n {
				t.Fatalf("%s: packet %d, want %d", name, got, n)
			}
			from = to
		}
		out.Close()
		if n, more := <-come; more {
			t.Errorf("%s: one packet more, %d", name, n)
		}
	}
}

// count is how many packets a file has.
func count(file []byte) (n int) {
	reader, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return 0
	}
	for p := range reader.Packets() {
		if p != nil {
			n++
		}
	}
	return n
}

// TestGzipAsItGrows: a packet comes with the flush behind it.
func TestGzipAsItGrows(t *testing.T) {
	in, out := io.Pipe()
	z := gzip.NewWriter(out)
	come := make(chan int)
	go func() {
		defer close(come)
		reader, err := NewReader(in)
		if err != nil {
			t.Error(err)
			return
		}
		for p := range reader.Packets() {
			come <- p.Number
		}
	}()
	z.Write(little().pcap(0xa1b2c3d4, linkRaw).b)
	for i, data := range conversation(t) {
		z.Write(little().record(1_700_000_000, uint32(i), data).b)
		z.Flush()
		if got := <-come; got != i+1 {
			t.Fatalf("packet %d, want %d", got, i+1)
		}
	}
	z.Close()
	out.Close()
	<-come
}

func TestNotACapture(t *testing.T) {
	elf, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		elf = []byte("\x7fELF\x02\x01\x01\x00")
	}
	for want, file := range map[string][]byte{
		"the file is empty":                                      nil,
		"a file of 3 bytes":                                      []byte("\xd4\xc3\xb2"),
		"an ELF program or library":                              elf,
		"an HTML page":                                           []byte("<!DOCTYPE html><title>404</title>"),
		"JSON text":                                              []byte(`{"log": {"version": "1.2"}}`),
		"a zip archive: unpack it first":                         []byte("PK\x03\x04\x14\x00\x00\x00"),
		"compressed by gzip twice":                               gzipped(t, gzipped(t, []byte("abc"))),
		"text that begins \"15:04:05.0 IP\"":                     []byte("15:04:05.0 IP\nmore"),
		"text that begins \"GET / HTTP/1.1\\r\"":                 []byte("GET / HTTP/1.1\r\n\r\n"),
		"text that begins \"Grüße\"":                             gzipped(t, []byte("Grüße\n")),
		"it begins with the bytes 0001020304050607":              []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08"),
		"a pcap file of 20 bytes, which is less than its header": little().pcap(0xa1b2c3d4, 1).b[:20],
		"a pcap file of version 3, which nobody has described":   big().u32(0xa1b2c3d4).u16(3, 0).u32(0, 0, 0, 1).b,
		"a pcap file of link type 105 (IEEE 802.11), in which IP packets are not looked for": little().pcap(0xa1b2c3d4, 105).b,
		"it begins like a file compressed by gzip, but: gzip: invalid header":                []byte("\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x00\x00"),
		"a capture by snoop: editcap makes a pcapng file of it":                              []byte("snoop\x00\x00\x00\x00\x00\x00\x02"),
	} {
		_, err := NewReader(bytes.NewReader(file))
		var not *NotCapture
		if !errors.As(err, &not) || not.What != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := NewReader(iotest.ErrReader(os.ErrPermission)); !errors.Is(err, os.ErrPermission) {
		t.Errorf("what cannot be read: %v", err)
	}
}

// TestBroken: what the file's reader says is the last, and is no damage.
func TestBroken(t *testing.T) {
	for name, file := range files(t) {
		if strings.Contains(name, "gzip") {
			continue
		}
		reader, err := NewReader(io.MultiReader(bytes.NewReader(file), iotest.ErrReader(os.ErrDeadlineExceeded)))
		if err != nil {
			t.Fatal(err)
		}
		var last error
		n := 0
		for _, last = range reader.Packets() {
			n++
		}
		if !errors.Is(last, os.ErrDeadlineExceeded) || errors.As(last, new(*Damage)) || n < 5 {
			t.Errorf("%s: %d, %v", name, n, last)
		}
	}
}

// TestStopAndGoOn: who stops early may go on.
func TestStopAndGoOn(t *testing.T) {
	reader, err := NewReader(bytes.NewReader(files(t)["pcapng, little"]))
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for range 6 {
		for p := range reader.Packets() {
			numbers = append(numbers, p.Number)
			break
		}
	}
	if !slices.Equal(numbers, []int{1, 2, 3, 4}) {
		t.Error(numbers)
	}
}

// TestContents: what is in the frames is counted and, if it is IP, handed over.
func TestContents(t *testing.T) {
	w := little().pcap(0xa1b2c3d4, linkEthernet)
	frame := func(kind string, data []byte) { w.record(1_700_000_000, 0, append(unhex(t, macs+kind, 0), data...)) }
	frame("0800", append(kernel(t, "read of it"), make([]byte, 6)...)) // filled up to 60 bytes
	frame("0806", make([]byte, 46))
	frame("0800", kernel(t, "ICMP: that port is unreachable"))
	frame("0800", make([]byte, 46))
	frame("86dd", kernel(t, "connect over IPv6"))
	frame("", nil)
	for _, name := range []string{"last", "first", "second"} {
		frame("0800", kernel(t, "send of 3000 bytes: "+name+" fragment"))
	}
	tso := bytes.Clone(kernel(t, "write of ping\\n"))
	tso[2], tso[3] = 0, 0
	frame("0800", append(tso, make([]byte, 70_000)...))
	reader, err := NewReader(bytes.NewReader(w.b))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for p, err := range reader.Packets() {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, fmt.Sprint(p.Number, " ", p.Src.Port(), " ", p.PayloadLen(), " ", len(p.Data), " ", p.ID))
	}
	want := []string{
		"1 80 0 52 26313", "packet 4, at byte 303: IP: version 0", "5 44682 0 80 0", "packet 6, at byte 489: Ethernet: 12 bytes are too few",
		"9 57202 3000 3028 16778", "10 37602 70005 70057 52383",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want\n%q", got, want)
	}
	d := reader.Defects()
	if d.Read != 10 || d.TCP != 3 || d.UDP != 1 || d.NotIP != 1 || d.OtherIP != 1 || d.Damaged != 2 || d.Reassembled != 1 {
		t.Errorf("%+v", d)
	}
	if said := fmt.Sprint(d.Sentences()); said != "[1 packet is not IP. 2 places are damaged, the first is packet 4, at byte 303: IP: version 0.]" {
		t.Error(said)
	}
}

// TestSnapped: tcpdump's snap length was 68 bytes for 20 years.
func TestSnapped(t *testing.T) {
	data := append(kernel(t, "write of ping\\n"), make([]byte, 1000)...)
	data[2], data[3] = 0x04, 0x21
	w := big().pcap(0xa1b2c3d4, linkRaw)
	for _, n := range []uint32{54, 52, 45, 40, 39, 19, 0} {
		w.u32(1, 0, n, uint32(len(data))).bytes(data[:n])
	}
	reader, err := NewReader(bytes.NewReader(w.b))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for p, err := range reader.Packets() {
		if err != nil {
			got = append(got, err.(*Damage).What)
			continue
		}
		got = append(got, fmt.Sprint(p.PayloadLen(), len(p.Bytes()), p.Options.Timestamps))
	}
	want := []string{
		"1005 2 true", "1005 0 true", "1005 0 false", "1005 0 false", "TCP: 19 bytes, want at least 20",
		"IPv4: 19 bytes, want at least 20", "IP: no bytes",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want\n%q", got, want)
	}
	if d := reader.Defects(); d.Snapped.Count != 4 || d.Damaged != 3 {
		t.Errorf("%+v", d)
	}
}

func TestTimes(t *testing.T) {
	data := kernel(t, "connect")
	w := little().pcap(0xa1b2c3d4, linkRaw)
	const s = 1_700_000_000
	for _, at := range [][2]uint32{{s, 0}, {s, 5}, {s, 3}, {s, 1_000_000}, {s, 6}, {4e9, 0}, {s, 7}, {0, 0}, {s, 8}, {5, 0}, {6, 0}, {7, 0}} {
		w.record(at[0], at[1], data)
	}
	reader, err := NewReader(bytes.NewReader(w.b))
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for p, err := range reader.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		at := p.At / 1000
		if at > s*1e6/2 {
			at -= s * 1e6
		}
		got = append(got, at)
	}
	// The last three agree: the clock was set, once.
	want := []int64{0, 5, 3, 3, 6, 6, 7, 7, 8, 8, 6_000_000, 7_000_000}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	d := reader.Defects()
	if !slices.Equal(d.Absurd.First, []int{4, 6, 8, 10}) || !slices.Equal(d.Backwards.First, []int{3, 11}) {
		t.Errorf("%+v", d)
	}
	if said := d.Sentences()[1]; said != "4 packets have no time that makes sense and got that of the one before: packets 4, 6, 8, 10." {
		t.Error(said)
	}
}

// TestReaderAllocates: no packet costs an allocation.
func TestReaderAllocates(t *testing.T) {
	for _, name := range []string{"pcap, µs, big", "pcapng, little"} {
		head := 24
		if name == "pcapng, little" {
			head = 28 + 20
		}
		file := files(t)[name]
		reader, err := NewReader(io.MultiReader(bytes.NewReader(file), &again{b: file[head:]}))
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(20, func() {
			i := 0
			for _, err := range reader.Packets() {
				if err != nil {
					t.Fatal(err)
				}
				if i++; i == 1000 {
					break
				}
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// An again repeats its bytes for ever.
type again struct {
	b  []byte
	at int
}

func (a *again) Read(b []byte) (int, error) {
	n := copy(b, a.b[a.at:])
	a.at = (a.at + n) % len(a.b)
	return n, nil
}

func ExampleReader_Packets() {
	w := big().pcap(0xa1b2c3d4, linkIPv4)
	w.record(1_700_000_000, 0, kernelExample())
	reader, err := NewReader(bytes.NewReader(w.b)) // an *os.File, or os.Stdin
	if err != nil {
		fmt.Println(err)
		return
	}
	for p, err := range reader.Packets() {
		if err != nil {
			fmt.Println(err) // reading goes on
			continue
		}
		fmt.Println(p.Number, p.Src, p.Dst, p.Flags == SYN, p.Options.MSS)
	}
	for _, sentence := range reader.Defects().Sentences() {
		fmt.Println(sentence)
	}
	// Output: 1 198.18.0.1:37602 198.19.1.1:80 true 1460
}

func kernelExample() []byte { return kernel(new(testing.T), "connect") }
