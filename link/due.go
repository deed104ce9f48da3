package link

import "time"

// due holds the fates that are known, and gives them in the order of their time;
// at the same time, in the order in which they were decided. What arrives without
// being held back is decided in that order already, so that it stands in a ring,
// where nothing needs sorting; the rest stands in a heap.
type due struct {
	inOrder ring[dated]
	others  []dated // a binary heap: each is before its children, 2i+1 and 2i+2
	calm    calm    // of others
	count   uint64
}

// A dated fate remembers when it was decided.
type dated struct {
	Fate
	number uint64
}

func (a *dated) before(b *dated) bool {
	return a.At < b.At || a.At == b.At && a.number < b.number
}

// add adds a copy of a fate. Those that come in order are not before another such
// one.
func (d *due) add(f *Fate, inOrder bool) {
	d.count++
	if inOrder {
		v := d.inOrder.add()
		v.Fate, v.number = *f, d.count
		return
	}
	d.others = append(d.others, dated{*f, d.count})
	d.calm.added(len(d.others), cap(d.others))
	d.up(len(d.others) - 1)
}

// next returns when the first fate is due; false if there is none.
func (d *due) next() (time.Duration, bool) {
	v, _ := d.first()
	if v == nil {
		return 0, false
	}
	return v.At, true
}

// first points at the first fate, until the next add or drop, and says whether it
// stands in the ring; nil if there is none.
func (d *due) first() (v *dated, inOrder bool) {
	switch {
	case d.inOrder.len == 0 && len(d.others) == 0:
		return nil, false
	case len(d.others) == 0:
		return d.inOrder.first(), true
	case d.inOrder.len == 0 || d.others[0].before(d.inOrder.first()):
		return &d.others[0], false
	}
	return d.inOrder.first(), true
}

// drop removes what first pointed at.
func (d *due) drop(inOrder bool) {
	if inOrder {
		d.inOrder.drop()
		return
	}
	last := len(d.others) - 1
	d.others[0] = d.others[last]
	d.others = d.others[:last]
	if d.calm.tooLarge(cap(d.others)) {
		d.others = append(make([]dated, 0, max(last, cap(d.others)/2)), d.others...)
	}
	d.down()
}

func (d *due) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !d.others[i].before(&d.others[parent]) {
			return
		}
		d.others[i], d.others[parent] = d.others[parent], d.others[i]
		i = parent
	}
}

func (d *due) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(d.others) {
			return
		}
		if right := child + 1; right < len(d.others) && d.others[right].before(&d.others[child]) {
			child = right
		}
		if !d.others[child].before(&d.others[i]) {
			return
		}
		d.others[i], d.others[child] = d.others[child], d.others[i]
		i = child
	}
}
