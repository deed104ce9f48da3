package grade

import (
	"cmp"
	"slices"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

// An End is where packets are captured. Answers are most of what is sent: the server
// is their sender, the client their receiver.
type End uint8

// The ends.
const (
	Sender   End = iota // the server's
	Receiver            // the client's
)

func (e End) String() string { return [...]string{"sender", "receiver"}[e&1] }

// Captured is what a capture at one end holds, in the order of time: packets that go
// out as they enter the link, others as they are handed over. It calls each with a
// packet that is its own until it returns.
func (f *Facts) Captured(end End, each func(*packet.Packet)) error {
	type seen struct {
		at int64
		p  *Packet
	}
	all := make([]seen, 0, len(f.Packets))
	for i := range f.Packets {
		p := &f.Packets[i]
		switch out := p.Down == (end == Sender); {
		case out && !p.Copy:
			all = append(all, seen{p.Entered, p})
		case !out && p.Drop == link.None:
			all = append(all, seen{p.At + int64(p.Late), p})
		}
	}
	slices.SortStableFunc(all, func(a, b seen) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.p.Seq, b.p.Seq)) })
	var p packet.Packet
	for i, s := range all {
		p.Number, p.At = i+1, s.at
		if err := p.Decode(s.p.Data, len(s.p.Data)); err != nil {
			return err
		}
		each(&p)
	}
	return nil
}

// Explained is what package cause says of what a capture at one end holds.
func (f *Facts) Explained(end End) ([]*cause.Explained, error) {
	var config cause.Config
	if f.Scenario.KeyLog {
		config.KeyLog = f.KeyLog
	}
	var all []*cause.Explained
	x := cause.New(config, func(e *cause.Explained) { all = append(all, e) })
	if err := f.Captured(end, x.Add); err != nil {
		return nil, err
	}
	x.Close()
	return all, nil
}

// Said is what is said of an exchange, to be laid over what is true.
func Said(e *timeline.Exchange) *Judged {
	j := &Judged{Conn: e.Conn.Local, Nth: e.Nth, Start: e.Start.UnixNano()}
	for _, s := range e.Spans {
		j.Spans = append(j.Spans, Stretch{
			From: j.Start + int64(s.Start), To: j.Start + int64(s.End),
			Cause: s.Cause, Certainty: s.Certainty, Note: s.Note, Evidence: s.Evidence,
		})
	}
	return j
}
