package exchange

// A ring is a map of the 4,096 newest. The zero value is empty and ready.
type ring[K comparable, V any] struct {
	m     map[K]slot[V]
	order []aged[K] // the oldest first; what is not in the map any more, or newer there, does not count
	next  uint64
}

type slot[V any] struct {
	v      V
	number uint64
}

type aged[K comparable] struct {
	k      K
	at     int64
	number uint64
}

func (r *ring[K, V]) get(k K) (V, bool) {
	s, ok := r.m[k]
	return s.v, ok
}

// put sets what stands at k, as of a time.
func (r *ring[K, V]) put(k K, v V, at int64) {
	if r.m == nil {
		r.m = make(map[K]slot[V])
	}
	r.next++
	r.m[k] = slot[V]{v, r.next}
	r.order = append(r.order, aged[K]{k, at, r.next})
	for len(r.order) > maxLookups {
		r.dropOldest()
	}
}

func (r *ring[K, V]) drop(k K) { delete(r.m, k) }

// expire lets go of all that is older.
func (r *ring[K, V]) expire(before int64) {
	for len(r.order) > 0 && r.order[0].at < before {
		r.dropOldest()
	}
}

func (r *ring[K, V]) dropOldest() {
	o := r.order[0]
	r.order = r.order[1:]
	if s, ok := r.m[o.k]; ok && s.number == o.number {
		delete(r.m, o.k)
	}
}
