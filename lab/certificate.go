package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lingerhttp/linger/link"
)

// A Certificate says what the link really did to the packets, and how close that
// came to the plan. A link that was late made the network that was measured another
// one than was asked for.
type Certificate struct {
	// Late says that the run was not as exact as it had to be; Defects says why, a
	// sentence each.
	Late    bool     `json:"late"`
	Defects []string `json:"defects"`

	Duration time.Duration `json:"duration_ns"`
	Bound    time.Duration `json:"bound_ns"` // what is later counts as Way.Over

	Up   Way `json:"up"`
	Down Way `json:"down"`

	// Steal is the share of the machine's CPU time that its host gave to others
	// (/proc/stat), 0 to 1.
	Steal float64 `json:"steal"`

	// Scheduling is how the kernel ran the relay's thread: "deadline", "nice" or,
	// without privilege, "ordinary", which leaves it to chance where CPUs are busy.
	Scheduling string `json:"scheduling"`

	// Unrecorded is how many records the tap had no room for. Overrun is how many
	// packets were lost before the link: a device had no room for them until the relay
	// read them, or there were as many under way as there may be.
	Unrecorded int64 `json:"unrecorded"`
	Overrun    int64 `json:"overrun"`

	// Strays are packets to nobody in the lab, and what cannot be read as a packet.
	// Nothing else counts them, and they have no [Record].
	Strays int64 `json:"strays"`

	// Unknown says what could not be found out, a sentence each: of that, the numbers
	// say nothing.
	Unknown []string `json:"unknown,omitempty"`
}

// How the relay's thread is scheduled, the best first that the kernel allows.
const (
	byDeadline = "deadline" // SCHED_DEADLINE: before everything else, for a share of the time
	byNice     = "nice"     // before what is as ordinary, most of the time
	ordinary   = "ordinary"
)

// A Way is what one direction did.
type Way struct {
	Counts

	// Lateness is of the packets that arrived: how much later than the plan they
	// were handed to the receiver's kernel.
	Lateness Lateness `json:"lateness"`

	// Arrived is how many were handed over, copies among them, and Over how many of
	// these were later than Certificate.Bound.
	Arrived int64 `json:"arrived"`
	Over    int64 `json:"over_bound"`

	// Rate is what the link that all share was to carry, in bits of IP packets per
	// second: of a trace its mean, and 0 without a limit. Achieved is what it did
	// carry while it was busy. It is 0 if that is not known: if the link was busy for
	// less than 100 ms, if it has a trace, whose rate while it is busy is not its mean,
	// and where another link follows, as up to hosts with links of their own.
	Rate     link.Rate `json:"rate_bps"`
	Achieved float64   `json:"achieved_bps"`
}

// A Lateness is a distribution.
type Lateness struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// Counts are of packets that entered, in one direction, unless they say otherwise.
type Counts struct {
	Packets int64 `json:"packets"`
	Bytes   int64 `json:"bytes"`   // of IP packets
	Payload int64 `json:"payload"` // of TCP and UDP

	// Dropped counts them by the reason's word.
	Dropped map[string]int64 `json:"dropped"`
}

// Drops is how many packets were dropped in all.
func (c Counts) Drops() int64 {
	var n int64
	for _, d := range c.Dropped {
		n += d
	}
	return n
}

// Since returns the counts less those of an earlier time.
func (c Counts) Since(earlier Counts) Counts {
	d := Counts{c.Packets - earlier.Packets, c.Bytes - earlier.Bytes, c.Payload - earlier.Payload, maps.Clone(c.Dropped)}
	for why, n := range earlier.Dropped {
		if d.Dropped[why] -= n; d.Dropped[why] == 0 {
			delete(d.Dropped, why)
		}
	}
	return d
}

// judge fills in Late and Defects, from everything else.
func (c *Certificate) judge() {
	c.Late, c.Defects = false, []string{}
	note := func(format string, args ...any) {
		c.Late = true
		c.Defects = append(c.Defects, fmt.Sprintf(format, args...))
	}
	for _, w := range []struct {
		name string
		Way
	}{{"up", c.Up}, {"down", c.Down}} {
		if w.Over*100 > w.Arrived {
			note("%d of %d packets %s were more than %v late", w.Over, w.Arrived, w.name, c.Bound)
		}
	}
	for _, u := range c.Unknown {
		note("%s", u)
	}
	if c.Overrun > 0 {
		note("%d packets were lost before the link: the machine was too slow, or too many were under way", c.Overrun)
	}
	if c.Unrecorded > 0 {
		note("%d packets are missing in the record: the tap was too slow", c.Unrecorded)
	}
}

// String is the certificate in lines, those of Figures and one for each defect,
// without a line break at the end.
func (c Certificate) String() string {
	lines := c.Figures()
	for _, d := range c.Defects {
		lines = append(lines, "late: "+d)
	}
	return strings.Join(lines, "\n")
}

// Figures is the certificate without its defects, in lines of at most 80 columns as
// far as what they tell allows.
func (c Certificate) Figures() []string {
	var lines []string
	for _, w := range []struct {
		name string
		Way
	}{{"up", c.Up}, {"down", c.Down}} {
		late := w.Lateness
		lines = append(lines, fmt.Sprintf("%-5s%d packets, late by %v at the median, %v at p99, %v at most",
			w.name, w.Packets, round(late.P50), round(late.P99), round(late.Max)))
		if more := w.more(); more != "" {
			lines = append(lines, "     "+more)
		}
	}
	last := fmt.Sprintf("CPU steal %.1f %%, relay scheduled by %s", c.Steal*100, c.Scheduling)
	if c.Strays > 0 {
		last += fmt.Sprintf(", %d strays", c.Strays)
	}
	return append(lines, last)
}

// more is what there is to tell of a way besides its lateness.
func (w Way) more() string {
	var parts []string
	if w.Rate > 0 && w.Achieved > 0 {
		parts = append(parts, fmt.Sprintf("rate %+.2f %%", (w.Achieved/float64(w.Rate)-1)*100))
	}
	for _, why := range slices.Sorted(maps.Keys(w.Dropped)) {
		parts = append(parts, fmt.Sprintf("dropped %d %s", w.Dropped[why], why))
	}
	return strings.Join(parts, ", ")
}

// round leaves a duration the digits that mean something here.
func round(d time.Duration) time.Duration {
	if d >= 10*time.Millisecond {
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
