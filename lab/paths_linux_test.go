package lab

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/link"
)

// The outputs of SplitMix64 for the seed 1234567, of its authors' splitmix64.c.
func TestMixIsSplitMix64(t *testing.T) {
	for n, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := mix(1234567, uint64(n)); got != want {
			t.Errorf("%d: %d, want %d", n, got, want)
		}
	}
}

func TestPathsWay(t *testing.T) {
	ms := link.Config{Delay: time.Millisecond}
	near, far := netip.MustParseAddr("198.19.0.1"), netip.MustParseAddr("198.19.0.2")
	p, err := newPaths([2]link.Config{ms, ms}, [][2]link.Config{{}, {ms, ms}}, [][]netip.Addr{{near}, {far}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host netip.Addr
		d    Direction
		want []bool // whether each hop is shared
	}{
		{near, Up, []bool{true}}, {near, Down, []bool{true}},
		{far, Up, []bool{true, false}}, {far, Down, []bool{false, true}},
	} {
		var got []bool
		for h := p.hosts[c.host].first(c.d); h != nil; h = p.hosts[c.host].after(h) {
			got = append(got, h.shared)
		}
		if len(got) != len(c.want) || got[0] != c.want[0] || got[len(got)-1] != c.want[len(c.want)-1] {
			t.Errorf("%v to %v: shared hops %v, want %v", c.d, c.host, got, c.want)
		}
	}
}

func TestPathsGentle(t *testing.T) {
	trace, err := link.ReadTrace(strings.NewReader("1\n2\n3\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		up, down link.Config
		want     bool
	}{
		{"no rate", link.Config{}, link.Config{}, false},
		{"slow", link.Config{Rate: 1e6}, link.Config{Rate: gentleRate}, true},
		{"one without a rate", link.Config{Rate: 1e6}, link.Config{}, false},
		{"fast", link.Config{Rate: 1e6}, link.Config{Rate: gentleRate + 1}, false},
		{"a slow trace", link.Config{Rate: 1e6}, link.Config{Trace: trace}, true},
	} {
		p, err := newPaths([2]link.Config{c.up, c.down}, nil, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.gentle(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
