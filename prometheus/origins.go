package prometheus

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lingerhttp/linger"
)

// others is the name for all origins that are not told one by one.
const others = "other"

// An originCounts is what goes on now with one origin, or with several.
type originCounts struct {
	name   string
	counts linger.Counts
}

// largest returns the n origins with the most connections and waiters, by name
// where they are equal, and sums the rest up as others.
func largest(origins map[string]linger.Counts, n int) []originCounts {
	if n <= 0 {
		return nil
	}
	size := func(name string) int {
		c := origins[name]
		return c.Open + c.Dialling + c.Waiting
	}
	names := slices.SortedFunc(maps.Keys(origins), func(a, b string) int {
		return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a, b))
	})
	var told []originCounts
	for i, name := range names {
		switch {
		case i < n:
			told = append(told, originCounts{name, origins[name]})
		case i == n:
			told = append(told, originCounts{others, origins[name]})
		default:
			told[n].counts = sum(told[n].counts, origins[name])
		}
	}
	return told
}

// sum adds what goes on now; what has happened so far is not told by origin.
func sum(a, b linger.Counts) linger.Counts {
	return linger.Counts{
		Open: a.Open + b.Open, Idle: a.Idle + b.Idle, Active: a.Active + b.Active,
		Dialling: a.Dialling + b.Dialling, Waiting: a.Waiting + b.Waiting,
	}
}
