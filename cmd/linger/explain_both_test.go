package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// splitEnds writes the two interfaces of a lab's capture to a file each. The server's
// clock is ahead, and runs faster by parts in a million.
func splitEnds(t *testing.T, path string, ahead time.Duration, ppm float64) (client, server string) {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	names := [2]string{filepath.Join(dir, "client.pcapng"), filepath.Join(dir, "server.pcapng")}
	var writers [2]*pcapgo.NgWriter
	for i, name := range names {
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if writers[i], err = pcapgo.NewNgWriter(f, layers.LinkTypeRaw); err != nil {
			t.Fatal(err)
		}
	}
	var begin time.Time
	for {
		data, info, err := r.ReadPacketData()
		if err != nil {
			break
		}
		if begin.IsZero() {
			begin = info.Timestamp
		}
		end := info.InterfaceIndex
		if end == 1 {
			gained := float64(info.Timestamp.Sub(begin)) * ppm / 1e6
			info.Timestamp = info.Timestamp.Add(ahead + time.Duration(gained))
		}
		info.InterfaceIndex = 0
		if err := writers[end].WritePacket(info, data); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range writers {
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return names[0], names[1]
}

// explainedJSON is what linger explain --json says.
func explainedJSON(t *testing.T, args ...string) (x report.Explanation) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &env{stdout: &out, stderr: &errs, now: time.Now}
	if code := run(context.Background(), e, append([]string{"explain", "--json"}, args...)); code != exitOK {
		t.Fatalf("explain %q: exit code %d: %s", args, code, errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// Captures of both ends, whose clocks differ, are explained as those of one clock are.
func TestBothEnds(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "run.pcapng")
	link := []string{"--rtt", "40ms", "--down", "4mbit", "--up", "4mbit"}
	explainedJSON(t, append(link, "--site", "classic", "--strategy", "persistent6", "--pcapng", path)...)
	plain := explainedJSON(t, "--both", path)
	client, server := splitEnds(t, path, 1234*time.Millisecond, 50)
	skewed := explainedJSON(t, "--both", server, client) // in either order
	a, b := plain.Alignment, skewed.Alignment
	if a.Offset.Abs() > 100*time.Microsecond || a.Trip < 40*time.Millisecond || a.Trip > 41*time.Millisecond {
		t.Errorf("one clock: %+v", a)
	}
	if apart := b.Offset - a.Offset - 1234*time.Millisecond; apart.Abs() > 100*time.Microsecond {
		t.Errorf("the offset is wrong by %v: %+v", apart, b)
	}
	if plain.Exchanges != 42 || skewed.Exchanges != 42 {
		t.Fatalf("%d and %d exchanges", plain.Exchanges, skewed.Exchanges)
	}
	for c := range timeline.Cause(timeline.NumCauses) {
		one, two := spentOn(plain, c), spentOn(skewed, c)
		if apart := (one - two).Abs(); apart > 10*time.Millisecond && float64(apart) > 0.02*float64(plain.Spent) {
			t.Errorf("%v took %v by one clock, %v by two", c, one, two)
		}
	}
	for i, e := range skewed.Entries {
		if err := e.Check(); err != nil {
			t.Error(err)
		}
		if apart := math.Abs(float64(e.Duration - plain.Entries[i].Duration)); apart > 1e6 {
			t.Errorf("exchange %d took %v by one clock, %v by two", e.Number, plain.Entries[i].Duration, e.Duration)
		}
	}
}

func spentOn(x report.Explanation, c timeline.Cause) time.Duration {
	for _, s := range x.Causes {
		if s.Cause == c {
			return s.Time
		}
	}
	return 0
}
