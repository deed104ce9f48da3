package lab

import (
	"maps"
	"math"
	"slices"
)

// Worst is the certificate of several labs that did one thing together: counts are
// added, of times and shares the worse stand.
func Worst(all ...Certificate) Certificate {
	if len(all) == 0 {
		return Certificate{}
	}
	w := all[0]
	w.Up.Dropped, w.Down.Dropped = maps.Clone(w.Up.Dropped), maps.Clone(w.Down.Dropped)
	for _, c := range all[1:] {
		w.Duration = max(w.Duration, c.Duration)
		w.Steal = max(w.Steal, c.Steal)
		w.Unrecorded += c.Unrecorded
		w.Overrun += c.Overrun
		w.Strays += c.Strays
		w.Unknown = slices.Concat(w.Unknown, c.Unknown)
		if c.Scheduling != w.Scheduling {
			w.Scheduling = ordinaryAmong(w.Scheduling, c.Scheduling)
		}
		w.Up.join(c.Up)
		w.Down.join(c.Down)
	}
	w.judge()
	return w
}

// ordinaryAmong is the last of two ways of scheduling in the order of preference.
func ordinaryAmong(a, b string) string {
	for _, s := range []string{ordinary, byNice} {
		if a == s || b == s {
			return s
		}
	}
	return a
}

func (w *Way) join(o Way) {
	w.Packets += o.Packets
	w.Bytes += o.Bytes
	w.Payload += o.Payload
	if w.Dropped == nil {
		w.Dropped = make(map[string]int64)
	}
	for why, n := range o.Dropped {
		w.Dropped[why] += n
	}
	w.Arrived += o.Arrived
	w.Over += o.Over
	w.Lateness.P50 = max(w.Lateness.P50, o.Lateness.P50)
	w.Lateness.P99 = max(w.Lateness.P99, o.Lateness.P99)
	w.Lateness.Max = max(w.Lateness.Max, o.Lateness.Max)
	if o.offPlan() > w.offPlan() {
		w.Rate, w.Achieved = o.Rate, o.Achieved
	}
}

// offPlan is how far a rate was from its own plan: 0.1 is ten percent. It is negative,
// and so the least of all, where that is not known.
func (w Way) offPlan() float64 {
	switch {
	case w.Rate == 0:
		return -2
	case w.Achieved == 0:
		return -1
	}
	return math.Abs(w.Achieved/float64(w.Rate) - 1)
}
