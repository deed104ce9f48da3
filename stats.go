package linger

// Stats says what a Transport's pool holds now, over all origins.
type Stats struct {
	Open     int // connections that are open, those being closed included
	Idle     int // of these, without an exchange on them
	Dialling int // connections being opened
	Waiting  int // exchanges that wait for a slot
}

// Stats returns the counts as they are now.
func (t *Transport) Stats() Stats {
	p := t.pool()
	p.mu.Lock()
	defer p.mu.Unlock()
	var s Stats
	for _, o := range p.origins {
		s.Open += len(o.conns)
		s.Dialling += o.dialling
		s.Waiting += len(o.waiters)
		for _, pc := range o.conns {
			if pc.inFlight == 0 {
				s.Idle++
			}
		}
	}
	return s
}
