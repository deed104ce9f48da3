package cause

import "github.com/lingerhttp/linger/flow"

// A lane's times are those at its receiver, and how far that is from the place of
// capture is learnt by and by: not before the first answer, and better with each that
// comes sooner. Then times that were worked out before move.

// A place is how far the place of capture is from the receivers of each direction, one
// way, in nanoseconds.
type place [2]int64

// follow keeps up with what is known of the place.
func (l *lane) follow() {
	if l.place == l.pair.way {
		return
	}
	arrival, release := l.place.moved(l.pair.way, l.dir)
	l.places = append(l.places, l.place)
	l.place = l.pair.way
	for _, acks := range [][]ack{l.acks, l.heard} {
		for i := range acks {
			acks[i].left -= arrival
			acks[i].release += release
		}
	}
	if l.prevImage != 0 {
		l.prevImage += arrival
	}
}

// moved is by how much later segments of a direction arrive at another place than at
// this, and what ACKs let go.
func (p place) moved(to place, d flow.Dir) (arrival, release int64) {
	arrival = to[d] - p[d]
	return arrival, arrival + 2*(to[d.Other()]-p[d.Other()])
}

// rebase moves the times of all steps to where the place is known to be by now.
func (l *lane) rebase() {
	l.follow()
	if len(l.places) == 0 {
		return
	}
	for i := range l.steps {
		s := &l.steps[i]
		if s.place == len(l.places) {
			continue
		}
		arrival, release := l.places[s.place].moved(l.place, l.dir)
		s.move(arrival, release)
		if p := l.path.passage(s); p != nil {
			p.image += arrival
			p.at += arrival
		}
	}
	for i := range l.steps {
		l.steps[i].place = 0
	}
	l.places = l.places[:0]
}

func (s *step) move(arrival, release int64) {
	s.image += arrival
	s.at += arrival
	if s.ackLeft != 0 {
		s.ackLeft -= arrival
	}
	if s.gap.packet != 0 {
		s.gap.left -= arrival
	}
	if s.gap.release != 0 {
		s.gap.release += release
	}
}

// passage is a step's, nil if it was trimmed.
func (p *path) passage(s *step) *passage {
	if s.passage < p.trimmed {
		return nil
	}
	return &p.log[s.passage-p.trimmed]
}
