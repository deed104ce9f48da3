package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"github.com/lingerhttp/linger/timeline"
)

// The places of a picture, in units of the SVG.
const (
	width     = 900
	left      = 100
	right     = 12
	rowTop    = 8
	rowHeight = 20
	rowStep   = 24
	clientY   = 112
	serverY   = 282
	ticksY    = 302
	legendY   = 330
	letter    = 7.2 // the width of a letter, about
)

// margin is what is drawn on both sides of the exchanges, as a share of their time.
const margin = 0.03

func (p *picture) x(at int64) float64 {
	length := float64(p.to-p.from) * (1 + 2*margin)
	return left + (float64(at-p.from)/length+margin/(1+2*margin))*(width-left-right)
}

// units writes a length.
func units(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

// svg is the picture as a file of its own.
func (p *picture) svg(l *look) []byte {
	var body bytes.Buffer
	seen := p.causes()
	for i := range p.rows {
		p.drawRow(&body, i)
	}
	p.drawTicks(&body)
	p.drawArrows(&body)
	y := p.drawLegend(&body, seen)
	y = p.drawAbout(&body, y)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">`+"\n", width, y)
	fmt.Fprintf(&b, "<title>%s</title>\n%s\n", html.EscapeString(p.title), l.style())
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", width, y)
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// drawRow draws where the time went, as one knows it.
func (p *picture) drawRow(b *bytes.Buffer, i int) {
	r, y := &p.rows[i], rowTop+i*rowStep
	fmt.Fprintf(b, `<text class="e" x="%d" y="%d">%s</text>`+"\n", left-10, y+15, r.who)
	for _, s := range r.spans {
		from, to := p.x(s.From), p.x(s.To)
		took := float64(s.To-s.From) / 1e6
		if i == 1 { // what the client's end says is behind the packets, too
			fmt.Fprintf(b, `<rect class="c-%v" opacity=".2" x="%s" y="%d" width="%s" height="%d"/>`, s.Cause, units(from), clientY, units(to-from), serverY-clientY)
		}
		fmt.Fprintf(b, `<rect class="c-%v" x="%s" y="%d" width="%s" height="%d"><title>%v, %.1f ms: %s</title></rect>`,
			s.Cause, units(from), y, units(max(to-from, 0.6)), rowHeight, s.Cause, took, html.EscapeString(s.Note))
		b.WriteByte('\n')
	}
	p.drawWords(b, r, y+15)
}

// drawWords names the causes of a row where there is room: one that is interrupted for
// less than can be seen is named once.
func (p *picture) drawWords(b *bytes.Buffer, r *row, y int) {
	const unseen = 1.5
	for i := 0; i < len(r.spans); {
		c, from, to := r.spans[i].Cause, p.x(r.spans[i].From), p.x(r.spans[i].To)
		for i++; i < len(r.spans) && (r.spans[i].Cause == c || p.x(r.spans[i].To)-to < unseen); i++ {
			if r.spans[i].Cause == c {
				to = p.x(r.spans[i].To)
			}
		}
		if word := c.String(); to-from > float64(len(word))*letter+4 {
			fmt.Fprintf(b, `<text class="m t-%v" x="%s" y="%d">%s</text>`+"\n", c, units((from+to)/2), y, word)
		}
	}
}

// drawTicks draws the two ends and the time.
func (p *picture) drawTicks(b *bytes.Buffer) {
	step := math.Pow(10, math.Floor(math.Log10(float64(p.to-p.from)/1e6/5)))
	for _, more := range []float64{2, 2.5, 2} { // 2, 5, 10 times
		if float64(p.to-p.from)/1e6/step > 10 {
			step *= more
		}
	}
	var ticks strings.Builder
	for at := 0.0; at*1e6 <= float64(p.to-p.from); at += step {
		x := units(p.x(p.from + int64(at*1e6)))
		fmt.Fprintf(&ticks, "M%s %dV%d", x, clientY, serverY+4)
		fmt.Fprintf(b, `<text class="q m" x="%s" y="%d">%s</text>`, x, ticksY, strconv.FormatFloat(at, 'f', -1, 64))
	}
	fmt.Fprintf(b, `<text class="q e" x="%d" y="%d">ms</text><path class="tick" d="%s"/>`+"\n", left-10, ticksY, ticks.String())
	for _, end := range []struct {
		name string
		y    int
	}{{"client", clientY}, {"server", serverY}} {
		fmt.Fprintf(b, `<text class="e" x="%d" y="%d">%s</text><path class="end" d="M%d %dH%d"/>`+"\n", left-10, end.y+5, end.name, left, end.y, width-right)
	}
}

// Parts of the way between the ends: where a packet leaves the link's queue, and how far
// a lost one is drawn.
const (
	queueEnd = 0.12
	lossEnd  = 0.45
	queued   = 200_000 // nanoseconds from which on a queue is drawn
)

// drawArrows draws packets, those of one class as one path, lost ones on top.
func (p *picture) drawArrows(b *bytes.Buffer) {
	paths := make(map[string]*strings.Builder)
	var order []string
	for _, a := range p.arrows {
		if p.x(a.in) < left || p.x(a.out) > width-right {
			continue
		}
		if paths[a.class] == nil {
			paths[a.class] = new(strings.Builder)
			order = append(order, a.class)
		}
		paths[a.class].WriteString(p.way(a))
	}
	fmt.Fprintf(b, `<svg x="%d" y="0" width="%d" height="%d" viewBox="%[1]d 0 %[2]d %[3]d">`, left, width-left-right, ticksY)
	for _, class := range order {
		fmt.Fprintf(b, `<path class="%s" d="%s"/>`+"\n", class, paths[class].String())
	}
	p.drawCounts(b)
	b.WriteString("</svg>\n")
}

// drawCounts says how many packets of data there are where several leave as one.
func (p *picture) drawCounts(b *bytes.Buffer) {
	const together = 4
	var first arrow
	n := 0
	tell := func() {
		y := serverY - 4
		if !first.down {
			y = clientY + 14
		}
		if n > 1 {
			fmt.Fprintf(b, `<text class="q e" x="%s" y="%d">×%d</text>`+"\n", units(p.x(first.out)-5), y, n)
		}
	}
	for _, a := range p.arrows {
		if !a.own {
			continue
		}
		if n == 0 || a.down != first.down || p.x(a.out)-p.x(first.out) > together {
			tell()
			first, n = a, 0
		}
		n++
	}
	tell()
}

// way is the path of a packet: first in the queue of the link, then on its way.
func (p *picture) way(a arrow) string {
	from, to := float64(clientY), float64(serverY)
	if a.down {
		from, to = to, from
	}
	at := func(share float64) string { return units(from + (to-from)*share) }
	d := fmt.Sprintf("M%s %s", units(p.x(a.out)), at(0))
	if a.left-a.out > queued {
		d += fmt.Sprintf("L%s %s", units(p.x(a.left)), at(queueEnd))
	}
	if !a.lost {
		return d + fmt.Sprintf("L%s %s", units(p.x(a.in)), at(1))
	}
	return d + fmt.Sprintf("L%s %sm-5-5l10 10m0-10l-10 10", units(p.x(a.left+int64(lossEnd*float64(p.delay)))), at(lossEnd))
}

// drawLegend names the causes that are seen, and returns where it ends.
func (p *picture) drawLegend(b *bytes.Buffer, seen []timeline.Cause) int {
	x, y := float64(left), legendY
	for _, c := range seen {
		w := float64(len(c.String()))*letter + 32
		if x+w > width {
			x, y = left, y+20
		}
		fmt.Fprintf(b, `<rect class="c-%v" x="%s" y="%d" width="12" height="12"/><text class="q" x="%s" y="%d">%v</text>`+"\n", c, units(x), y-10, units(x+17), y, c)
		x += w
	}
	return y + 20
}

// drawAbout says what was played, and returns the height of the picture.
func (p *picture) drawAbout(b *bytes.Buffer, y int) int {
	line := ""
	flush := func() {
		fmt.Fprintf(b, `<text class="q" x="%d" y="%d">%s</text>`+"\n", left, y, html.EscapeString(line))
		y, line = y+18, ""
	}
	for word := range strings.FieldsSeq(p.about) {
		if float64(len(line)+len(word))*letter*0.93 > width-left-right {
			flush()
		}
		line = strings.TrimSpace(line + " " + word)
	}
	flush()
	return y
}
