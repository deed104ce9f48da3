package report

import (
	"bytes"
	"fmt"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// summary writes what the exchanges sum up to, and the failures.
func (p *Page) summary(b *bytes.Buffer, t Terminal) {
	s := p.Summary
	line := func(text string) { fmt.Fprintf(b, "%s\n", wrapped(text, t.width(), "  ")) }
	b.WriteByte('\n')
	total := fmt.Sprintf("%s in %s", count(s.Exchanges, "exchange"), duration(s.Time))
	if s.Failed > 0 {
		total += fmt.Sprintf(", %d failed", s.Failed)
	}
	line(total)
	line(fmt.Sprintf("%s opened, %s reused one", count(s.Connections, "connection"), count(s.Reused, "exchange")))
	line(fmt.Sprintf("%s received (%s of heads), %s sent",
		size(s.Received.Total()), size(s.Received.Header), size(s.Sent.Total())))
	p.whereTheTimeWent(b, t)
	p.writeMoments(b, t)
	p.writeFailures(b, t)
}

// whereTheTimeWent writes a bar for each phase, the sums being those of all
// exchanges, which overlap where they ran side by side.
func (p *Page) whereTheTimeWent(b *bytes.Buffer, t Terminal) {
	all := p.allPhases()
	if all == 0 {
		return
	}
	heading := "Where the time went, " + duration(all) + " over all exchanges:"
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, wrapped(heading, t.width(), "  ")))
	for phase := range timeline.Phase(timeline.NumPhases) {
		d := p.Summary.Phases[phase]
		if d == 0 {
			continue
		}
		part := share(d, all)
		fmt.Fprintf(b, "  %s %s %s  %s\n", padRight(phase.String(), 7), padLeft(duration(d), 7),
			padLeft(percent(part), 5), t.paint(looks[phase].color, t.bar(part, min(t.width()-26, 40))))
	}
}

// allPhases is the time of all exchanges together.
func (p *Page) allPhases() time.Duration {
	var all time.Duration
	for _, d := range p.Summary.Phases {
		all += d
	}
	return all
}

func (p *Page) writeMoments(b *bytes.Buffer, t Terminal) {
	heading := "\n" + t.paint(bold, "Moments:") + "\n"
	for _, m := range p.Moments.list() {
		if m.At > 0 {
			fmt.Fprintf(b, "%s  %s %s\n", heading, padRight(m.Label, 17), padLeft(duration(m.At), 7))
			heading = ""
		}
	}
}

// writeFailures writes one paragraph for each failure.
func (p *Page) writeFailures(b *bytes.Buffer, t Terminal) {
	failures := p.failures()
	if len(failures) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, "Failed:"))
	mark := t.glyph("✗", "!")
	for _, f := range failures {
		t.writeFailure(b, mark, cleanURL(f.URL)+": "+clean(f.Error))
		if f.Hint != "" {
			t.writeFailure(b, " ", "hint: "+clean(f.Hint))
		}
	}
}

// writeFailure writes one line behind a mark. Only what is known to go to a
// terminal is wrapped: elsewhere a failure is one line, for grep.
func (t Terminal) writeFailure(b *bytes.Buffer, mark, text string) {
	text = t.encode(text)
	if t.Width > 0 {
		text = wrapped(text, t.width()-4, "    ")
	}
	fmt.Fprintf(b, "  %s %s\n", t.paint(red, mark), text)
}
