package link

// loss loses each packet for itself.
type loss struct {
	p      Probability
	stream stream
}

func newLoss(p Probability, seed uint64) loss { return loss{p, newStream(seed, lossStream)} }

func (l *loss) draw() bool { return l.p > 0 && l.stream.hit(l.p) }
