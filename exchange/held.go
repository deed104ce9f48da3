package exchange

// A held keeps bytes of which it cannot be told yet what they are, with where and
// when they came.
type held struct {
	b     []byte
	marks []mark
}

// A mark says that from byte i on, up to the next mark, bytes are those of a chunk.
type mark struct {
	i int
	c chunk // without bytes
}

func (h *held) add(c chunk) {
	n := len(h.marks)
	m := mark{i: len(h.b), c: c}
	m.c.b = nil
	clear := c.to-c.from == int64(len(c.b))
	if n > 0 && clear {
		last := &h.marks[n-1]
		if last.c.to-last.c.from == int64(len(h.b)-last.i) && last.c.to == c.from && last.c.at == c.at && last.c.packet == c.packet {
			last.c.to = c.to
			h.b = append(h.b, c.b...)
			return
		}
	}
	h.marks = append(h.marks, m)
	h.b = append(h.b, c.b...)
}

// take returns what is held from byte i on, and holds nothing any more.
func (h *held) take(i int) []chunk {
	var chunks []chunk
	for k, m := range h.marks {
		end := len(h.b)
		if k+1 < len(h.marks) {
			end = h.marks[k+1].i
		}
		if end <= i {
			continue
		}
		c := m.c
		c.b = h.b[m.i:end:end]
		chunks = append(chunks, c.behind(max(i-m.i, 0)))
	}
	*h = held{}
	return chunks
}

// keep lets go of all but the last n bytes, or a little more.
func (h *held) keep(n int) {
	if len(h.b) <= n {
		return
	}
	pieces := h.take(len(h.b) - n)
	for _, c := range pieces {
		h.add(c)
	}
}

func (h *held) drop() { h.b, h.marks = h.b[:0], h.marks[:0] }
