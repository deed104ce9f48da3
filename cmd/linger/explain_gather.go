package main

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// A gathering takes in what the packet flow finds in one capture and keeps what the
// report needs: sums over all exchanges, and those that are shown.
type gathering struct {
	flags     *explainFlags
	explainer *cause.Explainer

	x        report.Explanation // without what explanation adds
	causes   [timeline.NumCauses]tally
	remedies [cause.NumRemedies]tally
	shown    shortestFirst
	numbers  numbering
	earliest latestFirst // for --exchange N: the first N so far
	others   []string    // the first connections that --connection does not mean
	client   *clientSide // the records of a client that we know; nil if we know none

	twice, ambiguous int64 // packets that flow says so of
	unseen           int64 // bytes that were acknowledged and not captured
	oneSided         int64 // connections of which one side's packets are missing

	interfaces interfaceChoice
	first      int64 // time of the first packet and of the last
	last       int64
	tcp        int64 // packets
	stopped    bool  // by the user

	comments map[int][]comment // by packet, for --pcapng
	pictures pictures          // for --html
}

// A comment is on a packet that shows a cause of an exchange.
type comment struct {
	exchange int // by its number in the order of the ends
	text     string
}

// A tally is a sum of times, and how many exchanges had a part in it.
type tally struct {
	time      time.Duration
	exchanges int
}

func (t *tally) add(d time.Duration) {
	if d > 0 {
		t.time += d
		t.exchanges++
	}
}

func newGathering(f *explainFlags, s *source) *gathering {
	g := &gathering{flags: f, client: s.client, interfaces: interfaceChoice{want: cmp.Or(f.network, s.network)}}
	g.x.Notes, g.x.Defects, g.x.Alignment = s.notes, s.defects, s.alignment
	if f.pcapng != "" {
		g.comments = make(map[int][]comment)
	}
	c := cause.Config{Ports: f.portNumbers(), KeyLog: s.secrets, Departures: s.departures, Closed: g.closed, Keep: f.html != ""}
	g.explainer = cause.New(c, g.packetsSay)
	return g
}

// closed counts a connection, and draws it if pictures are asked for.
func (g *gathering) closed(c *flow.Conn) {
	if !g.flags.pattern.fits(connOf(c)) {
		return
	}
	g.x.Connections++
	for _, side := range c.Sides {
		g.twice, g.ambiguous, g.unseen = g.twice+side.Twice, g.ambiguous+side.Ambiguous, g.unseen+side.Unseen
	}
	if up, down := &c.Sides[flow.Up], &c.Sides[flow.Down]; min(up.Packets, down.Packets) == 0 && up.Bytes+down.Bytes > 0 {
		g.oneSided++
	}
	if g.flags.html != "" {
		g.pictures.closed(c)
	}
}

func connOf(c *flow.Conn) timeline.Conn {
	return timeline.Conn{Number: c.ID, Local: c.Client, Remote: c.Server}
}

// packetsSay takes in what packets show of an exchange.
func (g *gathering) packetsSay(e *cause.Explained) {
	if g.client != nil {
		record := g.client.of(e)
		if record == nil {
			return
		}
		e.Timeline = joined(record, e.Timeline)
	}
	g.add(e)
}

// add takes an exchange in.
func (g *gathering) add(e *cause.Explained) {
	t := e.Timeline
	g.numbers.take(t)
	meant := g.flags.pattern.fits(t.Conn)
	if g.flags.exchange > 0 {
		g.candidate(e, meant)
	}
	if !meant {
		g.other(t.Conn)
		return
	}
	g.x.Exchanges++
	g.x.Spent += t.Duration
	for _, sum := range []struct {
		to   *timeline.Bytes
		more timeline.Bytes
	}{{&g.x.Sent, t.Sent}, {&g.x.Received, t.Received}} {
		sum.to.Header += sum.more.Header
		sum.to.Body += sum.more.Body
	}
	if isFailed(e) {
		g.x.Failed++
	}
	for c, d := range costs(t) {
		g.causes[c].add(d)
	}
	for _, s := range e.Savings {
		if s.Own > 0 { // each wait once, though many exchanges stood behind it
			g.remedies[s.Remedy].add(s.Own)
		}
	}
	if g.flags.html != "" {
		g.pictures.add(t)
	}
	g.comment(t)
	g.keep(e)
}

// costs are what each cause took of an exchange.
func costs(e *timeline.Exchange) (all [timeline.NumCauses]time.Duration) {
	for _, s := range e.Spans {
		all[s.Cause] += s.Duration()
	}
	return all
}

// other remembers a connection that was left out, to tell of it if all were.
func (g *gathering) other(c timeline.Conn) {
	if name := report.Connection(c); len(g.others) < 3 && !slices.Contains(g.others, name) {
		g.others = append(g.others, name)
	}
}

// isFailed reports whether something is wrong with an exchange. Of one whose boundaries
// were inferred, the problem is that TLS hid them.
func isFailed(e *cause.Explained) bool {
	if e.Source == nil {
		return e.Timeline.Error != ""
	}
	if e.Source.Inferred {
		return e.Timeline.Error != "" && e.Timeline.Error != e.Source.Problem
	}
	return e.Timeline.Error != "" || e.Source.Problem != ""
}

// explainedOf is an exchange as the report takes it. Of the connection's packets it
// holds nothing.
func explainedOf(e *cause.Explained) report.Explained {
	r := report.Explained{
		Exchange: e.Timeline, Causes: make(map[timeline.Cause]time.Duration),
		Failed: isFailed(e), Problem: e.Timeline.Error,
	}
	for c, d := range costs(e.Timeline) {
		if d > 0 {
			r.Causes[timeline.Cause(c)] = d
		}
		if d > r.Causes[r.Main] {
			r.Main = timeline.Cause(c)
		}
	}
	for _, s := range e.Savings {
		if s.Time <= 0 {
			continue
		}
		r.Savings = append(r.Savings, report.Saving{Remedy: s.Remedy.String(), Time: s.Time})
	}
	if e.Source != nil {
		r.Inferred, r.Problem = e.Source.Inferred, cmp.Or(e.Source.Problem, r.Problem)
	}
	return r
}

// comment notes the causes of an exchange on the packets that show them.
func (g *gathering) comment(t *timeline.Exchange) {
	if g.comments == nil {
		return
	}
	for _, s := range t.Spans {
		text := fmt.Sprintf("%v %v", s.Cause, s.Duration().Round(time.Microsecond))
		if s.Note != "" {
			text += ": " + strings.ToValidUTF8(s.Note, "?")
		}
		for _, packet := range s.Evidence {
			g.comments[packet] = append(g.comments[packet], comment{t.Number, text})
		}
	}
}

// commentTexts are the comments of each packet, once exchanges have their numbers.
func (g *gathering) commentTexts() map[int][]string {
	number := g.numbers.final()
	texts := make(map[int][]string, len(g.comments))
	for packet, list := range g.comments {
		for _, c := range list {
			texts[packet] = append(texts[packet], fmt.Sprintf("linger: exchange %d, %s", number(c.exchange), c.text))
		}
	}
	return texts
}

// candidate keeps the exchanges that began first, as many as the number that is asked
// for: the last of them has it.
func (g *gathering) candidate(e *cause.Explained, meant bool) {
	heap.Push(&g.earliest, numbered{explainedOf(e), meant})
	if len(g.earliest) > g.flags.exchange {
		heap.Pop(&g.earliest)
	}
}

// keep keeps all exchanges, or those that took longest.
func (g *gathering) keep(e *cause.Explained) {
	switch f := g.flags; {
	case f.exchange > 0:
	case f.all || f.json || len(g.shown) < mostShown:
		heap.Push(&g.shown, explainedOf(e))
	case e.Timeline.Duration > g.shown[0].Duration:
		g.shown[0] = explainedOf(e)
		heap.Fix(&g.shown, 0)
	}
}

// explanation is what is reported, once all packets are in.
func (g *gathering) explanation(name string) *report.Explanation {
	x := &g.x
	x.File = name
	if name == "-" {
		x.File = "standard input"
	}
	if g.first != 0 {
		x.Begin, x.Time = time.Unix(0, g.first).UTC(), time.Duration(g.last-g.first)
	} else if g.client != nil {
		g.clientTime(x)
	}
	x.Causes = g.causeSums()
	x.Remedies = g.remedySums()
	x.Notes = append(x.Notes, g.interfaces.notes()...)
	if g.stopped {
		x.Defects = append(x.Defects, fmt.Sprintf("Reading was interrupted after %d packets.", x.Packets))
	}
	x.Defects = append(x.Defects, g.flaws()...)
	if g.client != nil && x.Packets > 0 {
		x.Notes = append(x.Notes, g.client.notes()...)
	}
	if len(g.earliest) > 0 && len(g.earliest) == g.flags.exchange && g.earliest[0].meant {
		g.shown = append(g.shown, g.earliest[0].Explained)
	}
	x.Entries = g.shown
	g.number(x)
	slices.SortStableFunc(x.Entries, func(a, b report.Explained) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Number, b.Number))
	})
	x.LeftOut = x.Exchanges - len(x.Entries)
	return x
}

// flaws says what is wrong with the capture as the connections show it.
func (g *gathering) flaws() (all []string) {
	if g.twice > 0 {
		all = append(all, fmt.Sprintf("%d packets were captured twice, and count once.", g.twice))
	}
	if g.ambiguous > 0 {
		all = append(all, fmt.Sprintf("%d packets may have been captured twice, or sent again: they count as neither.", g.ambiguous))
	}
	if g.unseen > 0 {
		all = append(all, fmt.Sprintf("%d bytes that were acknowledged are not in the capture: what passed there is unknown.", g.unseen))
	}
	if g.oneSided > 0 {
		all = append(all, fmt.Sprintf("Of %s one side's packets alone are in the capture: what its sender waited for is unknown.", count(int(g.oneSided), "connection")))
	}
	return all
}

// number gives exchanges the numbers that the report has.
func (g *gathering) number(x *report.Explanation) {
	number := g.numbers.final()
	for _, e := range x.Entries {
		e.Number = number(e.Number)
	}
	x.Pictures, x.Undrawn = g.pictures.drawn(g.first, number)
	if !g.numbers.byStart() {
		x.Notes = append(x.Notes, fmt.Sprintf("There are more than %d exchanges: they are numbered in the order in which they ended.", mostNumbered))
	}
}

// causeSums are the causes that cost something, the largest first, and Unknown.
func (g *gathering) causeSums() []report.CauseSum {
	var all []report.CauseSum
	for c, t := range g.causes {
		if t.time == 0 && (timeline.Cause(c) != timeline.Unknown || g.x.Exchanges == 0) {
			continue
		}
		sum := report.CauseSum{Cause: timeline.Cause(c), Time: t.time, Exchanges: t.exchanges, Meaning: meanings[c]}
		if g.x.Spent > 0 {
			sum.Share = float64(t.time) / float64(g.x.Spent)
		}
		all = append(all, sum)
	}
	slices.SortStableFunc(all, func(a, b report.CauseSum) int { return cmp.Compare(b.Time, a.Time) })
	return all
}

// bestRemedies is how many remedies are told unless all is asked for.
const bestRemedies = 3

func (g *gathering) remedySums() []report.Remedy {
	var all []report.Remedy
	for r, t := range g.remedies {
		if t.time > 0 {
			all = append(all, report.Remedy{Name: cause.Remedy(r).String(), Time: t.time, Exchanges: t.exchanges, Advice: advice[r] + "."})
		}
	}
	slices.SortStableFunc(all, func(a, b report.Remedy) int { return cmp.Compare(b.Time, a.Time) })
	if !g.flags.json {
		all = all[:min(len(all), bestRemedies)]
	}
	return all
}

// shortestFirst is a heap of exchanges: the first is the shortest.
type shortestFirst []report.Explained

func (h shortestFirst) Len() int           { return len(h) }
func (h shortestFirst) Less(i, j int) bool { return h[i].Duration < h[j].Duration }
func (h shortestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *shortestFirst) Push(r any)        { *h = append(*h, r.(report.Explained)) }

func (h *shortestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
