package flow

import "github.com/lingerhttp/linger/packet"

// A print is what two captures of one packet have in common: a router in between
// may change the rest.
type print struct {
	at        int64
	seq, ack  uint32
	tsval     uint32
	length    int32
	id        uint16
	window    uint16
	flags     packet.Flags
	ambiguous bool
}

// defaultApart is how far two captures of one packet may lie apart while no RTT is
// known, in nanoseconds.
const defaultApart = 1e6

// twice says whether the capture holds this packet already: the same IP-ID, numbers,
// length, flags and timestamp, less than half the smallest RTT ago. Nobody sends a
// segment again so soon. Where there is no ID to tell by, as in IPv6, only packets
// with data can be told from each other's like: ACKs are repeated on purpose.
func (e *end) twice(p *packet.Packet, seg *Segment, minRTT int64) bool {
	now := print{
		at: p.At, seq: p.Seq, ack: p.Ack, tsval: p.Options.TSval, length: seg.Len,
		id: p.ID, window: p.Window, flags: p.Flags,
	}
	apart := int64(defaultApart)
	if minRTT > 0 {
		apart = minRTT / 2
	}
	for i := range e.recent {
		r := &e.recent[i]
		if r.seq != now.seq || r.at == 0 || r.id != now.id || r.length != now.length || r.ack != now.ack || r.flags != now.flags || r.tsval != now.tsval {
			continue
		}
		if now.id == 0 && now.length == 0 && now.flags&(packet.SYN|packet.FIN|packet.RST) == 0 {
			continue
		}
		if now.at-r.at < apart {
			return true
		}
		now.ambiguous = now.id != 0 && now.window == r.window
	}
	e.ambiguous = now.ambiguous
	e.recent[e.next] = now
	e.next = (e.next + 1) % len(e.recent)
	return false
}
