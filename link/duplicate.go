package link

// duplicate lets a second copy of a packet arrive at the same time, right behind
// the first. What is lost is not duplicated.
type duplicate struct {
	p      Probability
	stream stream
}

func newDuplicate(p Probability, seed uint64) duplicate {
	return duplicate{p, newStream(seed, duplicateStream)}
}

func (d *duplicate) draw() bool { return d.p > 0 && d.stream.hit(d.p) }
