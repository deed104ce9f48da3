package flow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
)

// How the tests look at connections stands here.

const ms = time.Millisecond

const (
	client = packets.Client
	server = packets.Server
)

// at is a time of the capture, as segments have it.
func at(d time.Duration) int64 { return packets.Start.Add(d).UnixNano() }

// since is how long after the capture's start a time is.
func since(at int64) time.Duration { return time.Unix(0, at).Sub(packets.Start) }

// A heard is what a connection told its Sink.
type heard struct {
	*Conn
	log []string // "up 0+18 @20ms #4 GET…", "down missing 0+100 …", "up end by FIN …"
	got [2][]byte
	end [2]int

	told  [2]bool
	next  [2]int64
	wrong string
}

func (h *heard) Data(d Dir, offset int64, b []byte, at int64, packet int32) {
	h.advance(d, offset, int64(len(b)))
	h.got[d] = append(h.got[d], b...)
	h.log = append(h.log, fmt.Sprintf("%v %d+%d @%v #%d", d, offset, len(b), since(at), packet))
}

func (h *heard) Missing(d Dir, offset, n int64, at int64, packet int32) {
	h.advance(d, offset, n)
	if n < 1<<24 {
		h.got[d] = append(h.got[d], strings.Repeat("?", int(n))...)
	}
	h.log = append(h.log, fmt.Sprintf("%v missing %d+%d @%v #%d", d, offset, n, since(at), packet))
}

func (h *heard) End(d Dir, at int64, how How) {
	h.end[d]++
	h.log = append(h.log, fmt.Sprintf("%v end %v @%v", d, how, since(at)))
}

// advance checks that a direction's bytes come in order, and none after its end.
func (h *heard) advance(d Dir, offset, n int64) {
	if !h.told[d] && !h.ends[d].begun {
		h.next[d] = offset // the capture starts in the middle
	}
	h.told[d] = true
	if n <= 0 || offset != h.next[d] || h.end[d] != 0 {
		h.wrong = fmt.Sprintf("%v: %d bytes at %d, want at %d; %d ends", d, n, offset, h.next[d], h.end[d])
	}
	h.next[d] = offset + n
}

// follow sends a capture through a table and returns its connections in the order of
// their closing. Segments are told before their bytes, and nothing is told twice.
func follow(t testing.TB, capture *packets.Capture) []*heard {
	t.Helper()
	var all []*heard
	open := make(map[*Conn]*heard)
	table := NewTable(Config{
		Open:  func(c *Conn) Sink { h := &heard{Conn: c}; open[c] = h; return h },
		Close: func(c *Conn) { all = append(all, open[c]) },
	})
	for p := range capture.Packets() {
		table.Add(p)
	}
	table.Close()
	for _, h := range all {
		if h.wrong != "" || h.end != [2]int{1, 1} {
			t.Errorf("connection %d: %s; ends %v", h.ID, h.wrong, h.end)
		}
	}
	return all
}

// one is follow of a capture with one connection.
func one(t testing.TB, capture *packets.Capture) *heard {
	t.Helper()
	all := follow(t, capture)
	if len(all) != 1 {
		t.Fatalf("%d connections, want 1", len(all))
	}
	return all[0]
}

// kinds are the kinds of a direction's segments that are not plain: by packet number.
func (h *heard) kinds() string {
	var all []string
	for _, s := range h.Segments {
		if s.Kind != Pure && s.Kind != Data && s.Kind != Handshake {
			all = append(all, fmt.Sprintf("#%d %v", s.Packet, s.Kind))
		}
	}
	return strings.Join(all, ", ")
}
