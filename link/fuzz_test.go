package link

import (
	"bytes"
	"encoding"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// FuzzReadTrace: what is read can be written, and read as the same again, and
// transmits.
func FuzzReadTrace(f *testing.F) {
	for _, seed := range []string{"1\n", "0\n5\n5\n", "10\r\n20", "5\n4\n", "0\n", "", "4294967295\n", "x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		trace, err := ReadTrace(bytes.NewReader(text))
		if err != nil {
			wantOurs(t, err)
			return
		}
		written, err := trace.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again Trace
		if err := again.UnmarshalText(written); err != nil || !reflect.DeepEqual(again, *trace) {
			t.Errorf("%q is read as %v, written as %q, and read as %v, %v", text, trace, written, again, err)
		}
		if trace.Mean() < 1 {
			t.Errorf("%q has a mean of %v", text, trace.Mean())
		}
		checkLink(t, Config{Trace: trace, Queue: Queue{Packets: 5}}, 1, spaced(20, 1400, 700*us))
	})
}

func wantOurs(t *testing.T, err error) {
	t.Helper()
	if e := new(Error); !errors.As(err, &e) || e.Err == nil || e.Field == "" || len(err.Error()) > 1000 {
		t.Errorf("the error %q (%T)", err, err)
	}
}

func FuzzRate(f *testing.F) {
	fuzzText[Rate](f, "28.8kbit", "20Mbit/s", "unlimited", "0", "9223372036854775807bit", "0.000000000001tbit")
}

func FuzzProbability(f *testing.F) {
	fuzzText[Probability](f, "1%", "0.01", "0.5 %", ".25", "7%", "2", "1e-3", "0.1234567890123456789%")
}

func FuzzQueue(f *testing.F) {
	fuzzText[Queue](f, "64", "100kB", "64KiB", "1.5 MiB", "codel", "codel,target=5ms,interval=100ms,limit=1000", "default")
}

func FuzzBurst(f *testing.F) {
	fuzzText[Burst](f, "none", "p=1%,r=30%,bad=100%,good=0%", "p=1%,r=30%", "p=0.1,r=1,bad=0.5")
}

func FuzzDrop(f *testing.F) {
	fuzzText[Drop](f, "2:data:3", "*:syn:1", "1:ack:*", "0:0:0", "::")
}

func FuzzKind(f *testing.F) { fuzzText[Kind](f, "syn", "SYNACK", "kind(7)") }

func FuzzReason(f *testing.F) { fuzzText[Reason](f, "arrived", "tail", "") }

// fuzzText: what is read can be written, and read as the same again; what is not
// read is an error of ours, and changes nothing.
func fuzzText[T text](f *testing.F, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var before T
		v, err := read[T](s)
		if err != nil {
			wantOurs(t, err)
			if !reflect.DeepEqual(v, before) {
				t.Errorf("%q is no %T, but was read as %v", s, v, v)
			}
			return
		}
		written, err := v.MarshalText()
		if err != nil || string(written) != v.String() {
			t.Fatalf("%q is written as %q, %v, or %v", s, written, err, v)
		}
		again := new(T)
		if err := any(again).(encoding.TextUnmarshaler).UnmarshalText(written); err != nil || !reflect.DeepEqual(*again, v) {
			t.Errorf("%q is read as %v, written as %q, and read as %v, %v", s, v, written, *again, err)
		}
	})
}

// FuzzLink lets bytes say when which packets enter a link that a seed describes.
func FuzzLink(f *testing.F) {
	f.Add(uint64(1), []byte{0, 0, 0, 9, 200, 3, 1, 255, 255})
	f.Add(uint64(2), bytes.Repeat([]byte{0, 150, 0}, 40))
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		var list []arrival
		var now time.Duration
		for ; len(ops) >= 3 && len(list) < 200; ops = ops[3:] {
			now += time.Duration(ops[0]) * time.Duration(ops[0]) * 500 * us
			list = append(list, arrival{now, Packet{
				ID: uint64(len(list)), Size: int(ops[1]) * 10, Conn: int(ops[2] & 3), Kind: Kind(ops[2] >> 2 & 7 % uint8(NumKinds)), Nth: int(ops[2] >> 5),
			}})
		}
		checkLink(t, randomConfig(rand.New(rand.NewPCG(seed, 5))), seed, list)
	})
}
