package sockets

import (
	"encoding/binary"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// counting is a record in which every field of four bytes holds its own offset.
func counting() []byte {
	b := make([]byte, 280)
	for at := 0; at < len(b); at += 4 {
		binary.NativeEndian.PutUint32(b[at:], uint32(at))
	}
	return b
}

func TestParseTCPInfo(t *testing.T) {
	b := counting()
	copy(b, []byte{byte(CloseWait), byte(CARecovery), 3, 4, 5, byte(OptTimestamps | OptTFOChild)})
	i, err := ParseTCPInfo(b)
	if err != nil {
		t.Fatal(err)
	}
	if i.State != CloseWait || i.CAState != CARecovery || i.Retransmits != 3 || i.Probes != 4 || i.Backoff != 5 || i.Options.String() != "timestamps tfo-child" {
		t.Errorf("the first bytes: %+v", i)
	}
	if i.RTO != 8*time.Microsecond || i.LastDataRecv != 52*time.Millisecond || i.RTT != 68*time.Microsecond || i.MinRTT != 148*time.Microsecond || i.TotalRTOTime != 244*time.Millisecond {
		t.Errorf("times: %+v", i)
	}
	if i.SndCwnd != 80 || i.TotalRetrans != 100 || i.NotSentBytes != 144 || i.SndWnd != 228 || i.ReceivedCEBytes != 272 {
		t.Errorf("numbers: %+v", i)
	}
	if i.Length != 280 || len(i.Missing()) != 0 {
		t.Errorf("length %d, missing %v", i.Length, i.Missing())
	}
}

// TestBitFields: C puts the first bit field into a byte's lowest bits on machines
// that are little-endian, and into its highest on others.
func TestBitFields(t *testing.T) {
	for _, tt := range []struct {
		b6, b7         byte // as a little-endian machine has them
		snd, rcv, fail byte
		limited        bool
	}{
		{0x72, 0x01, 2, 7, 0, true},
		{0xe0, 0x04, 0, 14, 2, false},
		{0x0a, 0xff, 10, 0, 3, true},
	} {
		b := make([]byte, leastLength)
		b[6], b[7] = tt.b6, tt.b7
		if bigEndian {
			b[6], b[7] = tt.snd<<4|tt.rcv, tt.fail<<5
			if tt.limited {
				b[7] |= 1 << 7
			}
		}
		i, err := ParseTCPInfo(b)
		if err != nil || i.SndWScale != tt.snd || i.RcvWScale != tt.rcv || i.FastOpenClientFail != tt.fail || i.DeliveryRateAppLimited != tt.limited {
			t.Errorf("% x: %v, %d %d %d %v", b[6:8], err, i.SndWScale, i.RcvWScale, i.FastOpenClientFail, i.DeliveryRateAppLimited)
		}
	}
}

// TestShorterRecords: what an older kernel does not tell is zero, and said so.
func TestShorterRecords(t *testing.T) {
	b := make([]byte, 400)
	for i := range b {
		b[i] = 0xff
	}
	for _, tt := range []struct {
		name   string
		length int
		first  string // of what is missing; empty: nothing is
	}{
		{"Linux 2.6", 104, "pacing_rate"},
		{"in the middle of a field", 111, "pacing_rate"},
		{"Linux 3.15", 120, "bytes_acked"},
		{"Linux 4.9", 192, "delivered"},
		{"Linux 5.5", 232, "rcv_wnd"},
		{"Linux 6.7", 248, "received_ce"},
		{"Linux 6.18", 280, ""},
		{"of days to come", 400, ""},
	} {
		i, err := ParseTCPInfo(b[:tt.length])
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if first := slices.Concat(i.Missing(), []string{""})[0]; first != tt.first {
			t.Errorf("%s: missing from %q, not %q", tt.name, first, tt.first)
		}
		checkMissing(t, &i)
		if tt.length >= 112 && i.PacingRate != Unlimited {
			t.Errorf("%s: pacing rate %d", tt.name, i.PacingRate)
		}
		if i.MinRTT != 0 {
			t.Errorf("%s: MinRTT is %v where nothing was measured", tt.name, i.MinRTT)
		}
	}
	for _, n := range []int{0, 8, 103} {
		if _, err := ParseTCPInfo(b[:n]); err == nil {
			t.Errorf("%d bytes are taken for a record", n)
		}
	}
}

// checkMissing holds the fields that are said to be missing to be zero.
func checkMissing(t *testing.T, i *TCPInfo) {
	missing := i.Missing()
	v := reflect.ValueOf(*i)
	for f := range v.NumField() {
		if name := kernelName(v.Type().Field(f)); slices.Contains(missing, name) && !v.Field(f).IsZero() {
			t.Errorf("%d bytes: %s is missing and %v", i.Length, name, v.Field(f))
		}
	}
}

func kernelName(f reflect.StructField) string {
	return strings.TrimSuffix(f.Tag.Get("json"), "_ns")
}

// TestLayoutIsTheStruct: the fields of TCPInfo are the kernel's, in its order.
func TestLayoutIsTheStruct(t *testing.T) {
	var fields, kernel []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[TCPInfo]())[1:] {
		fields = append(fields, kernelName(f))
		if isTime := f.Type == reflect.TypeFor[time.Duration](); isTime != strings.HasSuffix(f.Tag.Get("json"), "_ns") {
			t.Errorf("%s is %v", f.Tag.Get("json"), f.Type)
		}
	}
	for _, f := range layout {
		kernel = append(kernel, f.name)
	}
	if !slices.Equal(fields, kernel) {
		t.Errorf("the struct  %v\nthe kernel's %v", fields, kernel)
	}
}

func TestWords(t *testing.T) {
	for n := range 256 {
		var s State
		var c CAState
		var o Options
		if err := s.UnmarshalText([]byte(State(n).String())); err != nil || s != State(n) {
			t.Errorf("state %d came back as %d: %v", n, s, err)
		}
		if err := c.UnmarshalText([]byte(CAState(n).String())); err != nil || c != CAState(n) {
			t.Errorf("ca_state %d came back as %d: %v", n, c, err)
		}
		if err := o.UnmarshalText([]byte(Options(n).String())); err != nil || o != Options(n) {
			t.Errorf("options %d came back as %d: %v", n, o, err)
		}
	}
	if got := Established.String() + " " + Listen.String() + " " + State(99).String(); got != "established listen state(99)" {
		t.Error(got)
	}
	var s State
	var o Options
	if s.UnmarshalText([]byte("asleep")) == nil || o.UnmarshalText([]byte("sack asleep")) == nil {
		t.Error("there is a word for nothing")
	}
}

func FuzzParseTCPInfo(f *testing.F) {
	f.Add(counting())
	f.Add(counting()[:192])
	f.Add(counting()[:107])
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := ParseTCPInfo(b)
		if (err != nil) != (len(b) < leastLength) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if err != nil {
			return
		}
		checkMissing(t, &i)
		text, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		var back TCPInfo
		if err := json.Unmarshal(text, &back); err != nil || back != i {
			t.Errorf("%v\nwent in as %+v\ncame out as %+v", err, i, back)
		}
	})
}

func BenchmarkParseTCPInfo(b *testing.B) {
	record := counting()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTCPInfo(record); err != nil {
			b.Fatal(err)
		}
	}
}
