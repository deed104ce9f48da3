package main

import (
	"cmp"
	"slices"

	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// Which number an exchange has in a report: its place in the order in which exchanges
// began. They are told in the order in which they end, so that it is known only when
// all are in.

// A numbering remembers when each exchange began.
type numbering struct {
	starts []int64 // of the exchanges told so far, in nanoseconds since 1970
	told   int     // also those that are not among starts
}

// mostNumbered bounds the memory for numbers: what takes eight bytes an exchange. In a
// capture that has more, exchanges are numbered in the order in which they end.
const mostNumbered = 1 << 24

// take gives an exchange its number in the order of the ends.
func (n *numbering) take(t *timeline.Exchange) {
	n.told++
	t.Number = n.told
	if n.told <= mostNumbered {
		n.starts = append(n.starts, t.Start.UnixNano())
	}
}

// byStart reports whether all are numbered by their starts.
func (n *numbering) byStart() bool { return n.told <= mostNumbered }

// final returns what makes of an exchange's number in the order of the ends the one in
// the order of the starts.
func (n *numbering) final() func(told int) int {
	if !n.byStart() {
		return func(told int) int { return told }
	}
	order := make([]uint32, n.told)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(n.starts[a], n.starts[b]), cmp.Compare(a, b))
	})
	rank := make([]uint32, n.told)
	for i, told := range order {
		rank[told] = uint32(i)
	}
	return func(told int) int { return int(rank[told-1]) + 1 }
}

// A numbered is an exchange that may be the one that was asked for by its number.
type numbered struct {
	report.Explained
	meant bool // its connection is one that was asked for
}

// latestFirst is a heap of the exchanges that began first: the first of them began last.
type latestFirst []numbered

func (h latestFirst) Len() int { return len(h) }
func (h latestFirst) Less(i, j int) bool {
	return cmp.Or(h[i].Start.Compare(h[j].Start), cmp.Compare(h[i].Number, h[j].Number)) > 0
}
func (h latestFirst) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *latestFirst) Push(r any)   { *h = append(*h, r.(numbered)) }

func (h *latestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
