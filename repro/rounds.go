package repro

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/packet"
)

// The rounds of slow start: how many an answer takes, by the formula and by what its
// packets did.

// rounds is how many round trips of slow start an answer takes that starts with an
// initial window of k segments, each round twice as large as the one before:
// ⌈log2(bytes/(k·mss)+1)⌉.
func rounds(bytes, k, mss int) int {
	n := 0
	for window := k * mss; bytes > 0; window *= 2 {
		bytes -= window
		n++
	}
	return n
}

// An event is a packet of one connection as the server's kernel sees it.
type event struct {
	at   time.Time // it left there, or arrived
	sent bool      // data, by the server; otherwise an ACK
	seq  uint32    // of the first byte that was sent, or of what the ACK acknowledges all before
}

// eventOf reads a record; not every packet is an event. It names the connection by
// the client's end.
func eventOf(r lab.Record) (client netip.AddrPort, e event, ok bool) {
	h, err := packet.Decode(r.Data)
	switch {
	case err != nil || h.Protocol != packet.ProtocolTCP:
		return client, e, false
	case r.Dir == lab.Down && h.PayloadLen() > 0:
		return h.Dst, event{at: r.Entered, sent: true, seq: h.Seq}, true
	case r.Dir == lab.Up && h.Flags&packet.ACK != 0:
		return h.Src, event{at: r.At.Add(r.Late), seq: h.Ack}, true
	}
	return client, e, false
}

// countRounds counts the rounds in which data was sent. A round begins with the first
// data sent after the first byte of the round before was acknowledged: how long
// anything took does not matter.
func countRounds(events []event) int {
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	n := 0
	var first uint32 // byte of this round
	acked := true
	for _, e := range events {
		switch {
		case e.sent && acked:
			n, first, acked = n+1, e.seq, false
		case !e.sent && int32(e.seq-first) > 0:
			acked = true
		}
	}
	return n
}
