package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// A Picture is one direction of a connection over time: where in the stream each
// segment stood, what had been acknowledged and what the receiver had room for (the
// time–sequence graph of Jacobson and of tcptrace). Times count from the
// explanation's Begin, offsets from the first byte of the direction's data.
type Picture struct {
	Conn timeline.Conn

	// Sender is whose bytes are shown: "client" or "server".
	Sender string

	// From and To are the times that are shown, Top is the highest offset of data.
	From, To time.Duration
	Top      int64

	Data  []PictureSegment // sent for the first time
	Again []PictureSegment // sent again
	Other []PictureSegment // what the other side sent meanwhile; only its times are shown

	// ACKs and Windows are steps: each holds from its time until the next.
	ACKs, Windows []PictureStep

	// Bands are the causes, in the order of time and without overlap.
	Bands []PictureBand

	// Note says what of it is not shown; empty if all is.
	Note string
}

// A PictureSegment is bytes on their way.
type PictureSegment struct {
	At       time.Duration
	From, To int64
	Label    string // what a reader sees who points at it; may be empty
}

// A PictureStep is a line that moves to an offset.
type PictureStep struct {
	At     time.Duration
	Offset int64
}

// A PictureBand is a time that had one cause.
type PictureBand struct {
	Cause    timeline.Cause
	From, To time.Duration
	Exchange int // its number
}

// The size of a picture, in units of the SVG, and what of it is not the plot.
const (
	pictureWidth  = 1200
	pictureHeight = 420
	pictureLeft   = 64
	pictureRight  = 8
	pictureTop    = 8
	pictureBottom = 46
	lane          = 8 // the height of the line of what the other side sent
)

// An htmlPicture is a picture as the template draws it. Paths are in units of the
// SVG.
type htmlPicture struct {
	Name, Sender, Receiver, Note string
	Bands                        []htmlBand
	XTicks, YTicks               []htmlTick
	XLabel, YLabel               string
	Data, ACKs, Windows, Other   string
	Again                        []htmlMark
	Causes                       []timeline.Cause
	HasWindows                   bool
}

type htmlBand struct {
	Cause    timeline.Cause
	X, Width string
	Letter   string // empty where it has no room
	Title    string
	Middle   string
}

type htmlTick struct{ At, Label string }

type htmlMark struct{ Path, Title string }

// A canvas maps time and offsets to the units of the SVG.
type canvas struct {
	from, length time.Duration
	top          int64
}

func (p *Picture) canvas() canvas {
	c := canvas{p.From, max(p.To-p.From, time.Microsecond), max(p.Top+p.Top/12, 1)}
	for _, s := range p.Windows { // seen as far as it does not press the data down
		if s.Offset > c.top {
			c.top = min(s.Offset+s.Offset/20, max(p.Top+p.Top/2, 1))
		}
	}
	return c
}

func (c canvas) x(at time.Duration) float64 {
	const width = pictureWidth - pictureLeft - pictureRight
	return pictureLeft + float64(at-c.from)/float64(c.length)*width
}

func (c canvas) y(offset int64) float64 {
	const height = pictureHeight - pictureTop - pictureBottom
	return pictureHeight - pictureBottom - float64(offset)/float64(c.top)*height
}

// shows reports whether a line comes into the picture.
func (c canvas) shows(steps []PictureStep) bool {
	return slices.ContainsFunc(steps, func(s PictureStep) bool { return s.Offset <= c.top })
}

// units writes a length to a tenth of a unit.
func units(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// html draws the picture.
func (p *Picture) html() htmlPicture {
	c := p.canvas()
	receiver := "server"
	if p.Sender == receiver {
		receiver = "client"
	}
	h := htmlPicture{
		Name: Connection(p.Conn), Sender: clean(p.Sender), Receiver: receiver, Note: p.Note,
		Data: c.strokes(p.Data), ACKs: c.steps(p.ACKs, p.To), Windows: c.steps(p.Windows, p.To), HasWindows: c.shows(p.Windows),
		Other: c.ticksOf(p.Other),
	}
	if len(p.Windows) > 0 && !h.HasWindows {
		h.Note = strings.TrimSpace(h.Note + " The " + h.Receiver + "’s window was always larger than the picture is high.")
	}
	for _, s := range p.Again {
		x, from, to := c.x(s.At), c.y(s.From), c.y(s.To)
		cross := fmt.Sprintf("M%s %sV%sM%s %sl8 8m0 -8l-8 8", units(x), units(from), units(to), units(x-4), units((from+to)/2-4))
		h.Again = append(h.Again, htmlMark{cross, clean(s.Label)})
	}
	seen := make(map[timeline.Cause]bool)
	for _, b := range p.Bands {
		h.Bands = append(h.Bands, c.band(b))
		if !seen[b.Cause] {
			seen[b.Cause] = true
			h.Causes = append(h.Causes, b.Cause)
		}
	}
	h.XTicks, h.XLabel = c.timeTicks()
	h.YTicks, h.YLabel = c.byteTicks()
	return h
}

func (c canvas) band(b PictureBand) htmlBand {
	from, to := c.x(b.From), c.x(b.To)
	h := htmlBand{
		Cause: b.Cause, X: units(from), Width: units(max(to-from, 0.5)), Middle: units((from + to) / 2),
		Title: fmt.Sprintf("exchange %d, %v: %s", b.Exchange, b.Cause, duration(b.To-b.From)),
	}
	if to-from >= 12 {
		h.Letter = lookOf(b.Cause).letter
	}
	return h
}

// strokes draws segments as upright lines, each at least as high as it is wide, so
// that a small one can be seen.
func (c canvas) strokes(segments []PictureSegment) string {
	var b strings.Builder
	for _, s := range segments {
		from, to := c.y(s.From), c.y(s.To)
		fmt.Fprintf(&b, "M%s %sV%s", units(c.x(s.At)), units(from), units(min(to, from-1.6)))
	}
	return b.String()
}

// ticksOf draws when segments were sent, below the plot.
func (c canvas) ticksOf(segments []PictureSegment) string {
	var b strings.Builder
	for _, s := range segments {
		fmt.Fprintf(&b, "M%s %sv%d", units(c.x(s.At)), units(pictureHeight-pictureBottom+1), lane)
	}
	return b.String()
}

// steps draws a line that moves at each step, and goes on to the end.
func (c canvas) steps(steps []PictureStep, end time.Duration) string {
	if len(steps) == 0 {
		return ""
	}
	var b strings.Builder
	for i, s := range steps {
		if i == 0 {
			fmt.Fprintf(&b, "M%s %s", units(c.x(s.At)), units(c.y(s.Offset)))
			continue
		}
		fmt.Fprintf(&b, "H%sV%s", units(c.x(s.At)), units(c.y(s.Offset)))
	}
	return b.String() + "H" + units(c.x(end))
}

// timeTicks are round times since the capture began, and the axis's name.
func (c canvas) timeTicks() ([]htmlTick, string) {
	unit, scale := "ms", 1.0
	if c.from+c.length >= 10*time.Second {
		unit, scale = "s", 1000
	}
	from, length := ms(c.from)/scale, ms(c.length)/scale
	step := niceStep(length / 9)
	var all []htmlTick
	for i := int64(from/step) - 1; float64(i)*step <= from+length; i++ {
		value := float64(i) * step
		if value < from {
			continue
		}
		at := c.from + time.Duration((value-from)*scale*float64(time.Millisecond))
		all = append(all, htmlTick{units(c.x(at)), strconv.FormatFloat(roundTo(value, step), 'f', -1, 64)})
	}
	return all, "time since the capture began, " + unit
}

// byteTicks are round offsets, and the axis's name.
func (c canvas) byteTicks() ([]htmlTick, string) {
	unit, scale := "bytes", 1.0
	switch {
	case c.top >= 10_000_000:
		unit, scale = "MB", 1e6
	case c.top >= 10_000:
		unit, scale = "kB", 1e3
	}
	step := niceStep(float64(c.top) / scale / 6)
	var all []htmlTick
	for i := 0; float64(i)*step*scale <= float64(c.top); i++ {
		value := float64(i) * step
		all = append(all, htmlTick{units(c.y(int64(value * scale))), strconv.FormatFloat(roundTo(value, step), 'f', -1, 64)})
	}
	return all, "sent, " + unit
}

// pictureBox is the SVG's view box and its plot, for the template.
func pictureBox() map[string]string {
	return map[string]string{
		"View": fmt.Sprintf("0 0 %d %d", pictureWidth, pictureHeight),
		"Left": strconv.Itoa(pictureLeft), "Right": strconv.Itoa(pictureWidth - pictureRight),
		"Top": strconv.Itoa(pictureTop), "Bottom": strconv.Itoa(pictureHeight - pictureBottom),
		"Width": strconv.Itoa(pictureWidth - pictureLeft - pictureRight), "Height": strconv.Itoa(pictureHeight - pictureTop - pictureBottom),
		"Middle":     strconv.Itoa((pictureWidth + pictureLeft - pictureRight) / 2),
		"TickLabels": strconv.Itoa(pictureHeight - pictureBottom + lane + 14), "Label": strconv.Itoa(pictureHeight - 4),
		"Letters": strconv.Itoa(pictureTop + 13),
	}
}
