package exchange

import "github.com/lingerhttp/linger/flow"

// settle finds the requests of the first n responses that are loose. all says that
// every request that is open has its response before what comes next, or has none in
// the capture. A connection without a hole has nothing to settle but that.
func (r *http1Reader) settle(n int, all bool) {
	if r.unsure {
		r.match(n)
	}
	if !all {
		return
	}
	down := &r.halves[1]
	for _, q := range r.open[r.answered:] {
		q.lost = !down.done || down.lost.open
	}
	r.answered = len(r.open)
	if down.broken != nil && r.serial() {
		down.broken.reach(down.last.to, down.last.at, down.last.packet)
	}
	down.broken = nil
	for _, q := range r.open {
		if q.r != nil && q.r.broken {
			q.r.over = true
		}
	}
}

// match takes the first n of the loose responses in among the pairs.
func (r *http1Reader) match(n int) {
	waiting := r.open[r.answered:]
	if len(r.loose) == 0 {
		return
	}
	found := align(r.questions(waiting), r.loose, r.tail())
	pairs := make([]*pair, 0, len(waiting)+n)
	i := 0
	for j, p := range r.loose[:n] {
		to := found[j].request
		if to < 0 {
			pairs = append(pairs, &pair{r: p})
			continue
		}
		for ; i < to; i++ {
			waiting[i].lost = true
			pairs = append(pairs, waiting[i])
		}
		waiting[i].r, waiting[i].doubt = p, found[j].doubt
		pairs = append(pairs, waiting[i])
		i++
	}
	answered := r.answered + len(pairs)
	r.open = append(append(r.open[:r.answered:r.answered], pairs...), waiting[i:]...)
	r.loose = append(r.loose[:0:0], r.loose[n:]...)
	r.extend(r.open[:answered])
	r.answered = answered
}

// extend lets a broken response reach up to the next, where no other is between.
func (r *http1Reader) extend(pairs []*pair) {
	for i, q := range pairs {
		if q.r == nil || q.r.answer.behind == nil {
			continue
		}
		behind := q.r.answer.behind
		if i > 0 && pairs[i-1].r == behind {
			behind.reach(q.r.Start(), q.r.First, q.r.FirstPacket)
		}
		behind.over = true
		q.r.answer.behind = nil
	}
}

// questions are the requests of pairs.
func (r *http1Reader) questions(pairs []*pair) []*part {
	parts := make([]*part, len(pairs))
	for i, q := range pairs {
		parts[i] = q.q
	}
	return parts
}

// tail says what may follow the last loose response.
func (r *http1Reader) tail() tail {
	t := tail{depth: max(r.depth, 1), lost: r.halves[1].lost.open, more: r.halves[0].lost.open}
	last := r.loose[len(r.loose)-1]
	t.ends = !last.Complete || last.answer.closes || r.how[1] == flow.ByRST
	return t
}
