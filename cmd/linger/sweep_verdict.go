package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lingerhttp/linger/report"
)

// sweepVerdicts say who is fastest where, and where parallel connections stop to
// help.
func sweepVerdicts(r *report.Sweep) []string {
	return nonEmpty(winnersVerdict(r), parallelVerdict(r))
}

// mostPlaces is how many links a sentence names.
const mostPlaces = 4

// A census is the links that something is true of.
type census struct {
	all    int
	places []string
}

func (c *census) add(r *report.Sweep, x, y int) {
	c.all++
	place := r.X.Name + " " + r.X.Values[x]
	if len(r.Y.Values) > 0 {
		place = r.Y.Name + " " + r.Y.Values[y] + " and " + place
	}
	c.places = append(c.places, place)
}

// where names the links, unless they are too many.
func (c *census) where() string {
	if c.all > mostPlaces {
		return ""
	}
	return " (" + strings.Join(c.places, "; ") + ")"
}

func winnersVerdict(r *report.Sweep) string {
	if len(r.Strategies) < 2 {
		return ""
	}
	won := make([]census, len(r.Strategies))
	links, open := 0, census{}
	for y, row := range r.Cells {
		for x, c := range row {
			links++
			switch {
			case c.Failed:
			case !c.Clear:
				open.add(r, x, y)
			default:
				won[c.Best].add(r, x, y)
			}
		}
	}
	order := make([]int, len(won))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return won[b].all - won[a].all })
	var parts []string
	for _, i := range order {
		if won[i].all > 0 {
			parts = append(parts, fmt.Sprintf("%s was fastest on %d of %s%s", r.Strategies[i], won[i].all, count(links, "link"), won[i].where()))
		}
	}
	if open.all > 0 {
		parts = append(parts, fmt.Sprintf("on %d the difference to the second may be chance%s", open.all, open.where()))
	}
	return sentence(parts)
}

func parallelVerdict(r *report.Sweep) string {
	var helped, not census
	low, high := 0.0, 0.0
	for y, row := range r.Cells {
		for x, c := range row {
			switch {
			case c.Parallel <= 0:
			case !c.ParallelHelps:
				not.add(r, x, y)
			default:
				helped.add(r, x, y)
				if low == 0 || c.Parallel < low {
					low = c.Parallel
				}
				high = max(high, c.Parallel)
			}
		}
	}
	times := fmt.Sprintf("took %.2f to %.2f × the time of one", low, high)
	switch {
	case helped.all+not.all == 0:
		return ""
	case not.all == 0:
		return "six parallel connections helped on every link: they " + times + "."
	case helped.all == 0:
		return "six parallel connections helped on no link beyond chance."
	}
	return fmt.Sprintf("six parallel connections helped on %d of %s, where they %s; on %d they did not, beyond chance%s.",
		helped.all, count(helped.all+not.all, "link"), times, not.all, not.where())
}

// sentence joins parts.
func sentence(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}
