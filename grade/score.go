package grade

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lingerhttp/linger/timeline"
)

// outside is the row of what is said of a time after the true end.
const outside = timeline.NumCauses

// A Score is how far what is said is true. Times are in nanoseconds.
type Score struct {
	// Confusion counts time by what is true and what is said. The last row is of time
	// after the true end of an exchange.
	Confusion [timeline.NumCauses + 1][timeline.NumCauses]int64

	Exchanges int                       // whose truth is known
	Matched   int                       // of these, explained ones
	Extra     int                       // explained, but nobody knows what they are
	Untold    int                       // that have no truth
	Before    [timeline.NumCauses]int64 // true before the explained exchange begins, and not graded

	SumErrors []string // of explained exchanges whose spans do not cover them
	Worst     []Miss   // the largest first
}

// A Miss is an exchange with time that was given a wrong cause.
type Miss struct {
	Scenario int            `json:"scenario"`
	Exchange int            `json:"exchange"`
	Conn     string         `json:"connection"`
	Nth      int            `json:"nth"`
	Wrong    int64          `json:"wrong_ns"`
	Of       int64          `json:"of_ns"`
	True     int            `json:"-"` // of most of the wrong time, a row of Score.Confusion
	Said     timeline.Cause `json:"said"`
}

// TrueWord says what was true of most of the wrong time.
func (m *Miss) TrueWord() string { return rowWord(m.True) }

// rowWord names a row of a confusion table.
func rowWord(row int) string {
	if row == outside {
		return "after the end"
	}
	return timeline.Cause(row).String()
}

// keptMisses is how many a Score keeps.
const keptMisses = 20

// key names an exchange for both sides.
type key struct {
	conn string
	nth  int
}

func (j *Judged) key() key { return key{j.Conn.String(), j.Nth} }

// Grade lays what is said over what is true, and adds it up.
func (s *Score) Grade(scenario int, truth []*Judged, explained []*timeline.Exchange) {
	said := make(map[key]*Judged)
	for _, e := range explained {
		if err := e.Check(); err != nil {
			s.SumErrors = append(s.SumErrors, fmt.Sprintf("scenario %d: %v", scenario, err))
		}
		j := Said(e)
		said[j.key()] = j
	}
	for _, j := range truth {
		if j.Problem != "" {
			s.Untold++
			delete(said, j.key())
			continue
		}
		s.Exchanges++
		x := said[j.key()]
		if x != nil {
			s.Matched++
			delete(said, j.key())
		}
		s.miss(s.exchange(j, x), scenario, j)
	}
	s.Extra += len(said)
}

// A confusion is the part of one exchange in a Score's.
type confusion [timeline.NumCauses + 1][timeline.NumCauses]int64

// exchange adds one, of which x is said, nil for nothing.
func (s *Score) exchange(j, x *Judged) *confusion {
	var c confusion
	start := j.visible()
	if x != nil && len(x.Spans) > 0 {
		start = x.Start
	}
	for _, t := range j.Spans {
		if t.From < start {
			s.Before[t.Cause] += min(t.To, start) - t.From
		}
	}
	Overlay(j, x, func(from, to int64, truth int, said timeline.Cause) {
		if from = max(from, start); to > from {
			c[truth][said] += to - from
		}
	})
	for t := range c {
		for i, n := range c[t] {
			s.Confusion[t][i] += n
		}
	}
	return &c
}

// visible is when packets of an exchange begin to show: with its queueing over.
func (j *Judged) visible() int64 {
	for _, t := range j.Spans {
		if t.Cause != timeline.Queued {
			return t.From
		}
	}
	return j.End()
}

// Overlay cuts the time of an exchange where what is true or what is said changes, and
// tells of each part. Truth is NumCauses after the true end; what is not said is
// Unknown. x may be nil.
func Overlay(j, x *Judged, each func(from, to int64, truth int, said timeline.Cause)) {
	cuts := []int64{j.Start}
	for _, t := range j.Spans {
		cuts = append(cuts, t.To)
	}
	if x != nil {
		for _, t := range x.Spans {
			cuts = append(cuts, t.From, t.To)
		}
	}
	slices.Sort(cuts)
	for i, from := range cuts[:len(cuts)-1] {
		to := cuts[i+1]
		if to == from || from < j.Start {
			continue
		}
		truth := outside
		if t := j.at(from); t != nil {
			truth = int(t.Cause)
		}
		said := timeline.Unknown
		if x != nil {
			if t := x.at(from); t != nil {
				said = t.Cause
			}
		}
		each(from, to, truth, said)
	}
}

// at is the stretch that a time is in.
func (j *Judged) at(at int64) *Stretch {
	for i := range j.Spans {
		if s := &j.Spans[i]; s.From <= at && at < s.To {
			return s
		}
	}
	return nil
}

// miss keeps the exchange if it is among the worst.
func (s *Score) miss(c *confusion, scenario int, j *Judged) {
	m := Miss{Scenario: scenario, Exchange: j.Exchange, Conn: j.Conn.String(), Nth: j.Nth}
	var most int64
	for t := range c {
		for i, n := range c[t] {
			m.Of += n
			if t == i {
				continue
			}
			m.Wrong += n
			if n > most {
				most, m.True, m.Said = n, t, timeline.Cause(i)
			}
		}
	}
	if m.Wrong == 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(s.Worst, m, func(a, b Miss) int { return cmp.Compare(b.Wrong, a.Wrong) })
	s.Worst = slices.Insert(s.Worst, at, m)
	s.Worst = s.Worst[:min(len(s.Worst), keptMisses)]
}

// A Mark is how well one cause is told.
type Mark struct {
	Cause     timeline.Cause `json:"cause"`
	True      int64          `json:"true_ns"`
	Said      int64          `json:"said_ns"`
	Right     int64          `json:"right_ns"` // both
	Precision float64        `json:"precision"`
	Recall    float64        `json:"recall"`
	F1        float64        `json:"f1"`
	Counts    bool           `json:"counts"` // towards the mean: it has enough of the true time
}

// enough is the share of the true time from which on a cause counts.
const enough = 0.005

// Marks are those of all causes that are true or said of any time, and the mean F1 of
// those that count.
func (s *Score) Marks() (marks []Mark, macro float64) {
	total, n := s.Total(), 0
	for c := range timeline.NumCauses {
		m := Mark{Cause: timeline.Cause(c), Right: s.Confusion[c][c]}
		for i := range timeline.NumCauses {
			m.True += s.Confusion[c][i]
		}
		for t := range s.Confusion {
			m.Said += s.Confusion[t][c]
		}
		if m.True == 0 && m.Said == 0 {
			continue
		}
		m.Precision, m.Recall = share(m.Right, m.Said), share(m.Right, m.True)
		m.F1 = share(2*m.Right, m.True+m.Said)
		if m.Counts = float64(m.True) >= enough*float64(total); m.Counts {
			macro += m.F1
			n++
		}
		marks = append(marks, m)
	}
	return marks, macro / float64(max(1, n))
}

// Total is the true time that was graded.
func (s *Score) Total() int64 {
	var sum int64
	for t := range timeline.NumCauses {
		for _, n := range s.Confusion[t] {
			sum += n
		}
	}
	return sum
}

// Unknown is the share of the graded time of which nothing is said, 0 to 1.
func (s *Score) Unknown() float64 {
	var sum int64
	for t := range timeline.NumCauses {
		sum += s.Confusion[t][timeline.Unknown]
	}
	return share(sum, s.Total())
}

// Right is the share of the graded time of which the truth is said, 0 to 1.
func (s *Score) Right() float64 {
	var sum int64
	for c := range timeline.NumCauses {
		sum += s.Confusion[c][c]
	}
	return share(sum, s.Total())
}

// MarshalJSON writes figures and tables, with words for causes.
func (s *Score) MarshalJSON() ([]byte, error) {
	marks, macro := s.Marks()
	confusion := make(map[string]map[timeline.Cause]int64)
	for row := range s.Confusion {
		for said, n := range s.Confusion[row] {
			if n > 0 && confusion[rowWord(row)] == nil {
				confusion[rowWord(row)] = make(map[timeline.Cause]int64)
			}
			if n > 0 {
				confusion[rowWord(row)][timeline.Cause(said)] = n
			}
		}
	}
	before := make(map[timeline.Cause]int64)
	for c, n := range s.Before {
		if n > 0 {
			before[timeline.Cause(c)] = n
		}
	}
	return json.Marshal(map[string]any{
		"macro_f1": macro, "right": s.Right(), "unknown": s.Unknown(), "graded_ns": s.Total(),
		"exchanges": s.Exchanges, "matched": s.Matched, "extra": s.Extra, "untold": s.Untold,
		"sum_errors": s.SumErrors, "causes": marks, "confusion_ns": confusion, "before_ns": before, "worst": s.Worst,
	})
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
