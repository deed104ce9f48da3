package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// The pages as they are served: markup by html/template, which escapes what came
// from servers; figures and tables are written here, so that they can be read
// without scripts; waterfalls are drawn by the scripts from the data island.
//
//go:embed web
var web embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"clean":    clean,
	"cleanURL": cleanURL,
}).ParseFS(web, "web/*.html"))

// The scripts, joined into one module in this order: each uses those before it.
var scripts = []string{"format.js", "view.js", "paint.js", "tooltip.js", "waterfall.js", "strip.js", "main.js"}

// asset is a file of web. They are part of the program, so that one that is
// missing is a programmer's error.
func asset(name string) string {
	b, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// An htmlPage is what every template of ours takes.
type htmlPage struct {
	Title  string
	Style  template.CSS
	Script template.JS // if empty, the page has no scripts, and no data for them
	Data   htmlData
	Body   any // what the template of its own shows
}

// htmlData is the data island. Times are in milliseconds on one axis.
type htmlData struct {
	URL    string      `json:"url"` // whose origin names leave out
	Phases []string    `json:"phases"`
	Length float64     `json:"length_ms"`
	Charts []htmlChart `json:"charts"`
}

type htmlChart struct {
	Name      string       `json:"name"`
	Exchanges any          `json:"exchanges"` // as in JSON
	Offsets   []float64    `json:"offsets_ms"`
	Moments   []htmlMoment `json:"moments"`
}

type htmlMoment struct {
	Label string  `json:"label"`
	At    float64 `json:"at_ms"`
	Text  string  `json:"-"`
}

// An htmlPart is a share of a whole, with its bar.
type htmlPart struct {
	Name, Time, Percent string
	Share               float64 // 0 to 100
}

func render(w io.Writer, name, title string, data htmlData, body any) error {
	for p := range timeline.Phase(timeline.NumPhases) {
		data.Phases = append(data.Phases, p.String())
	}
	var script strings.Builder
	for _, name := range scripts {
		script.WriteString(asset(name))
	}
	return execute(w, name, htmlPage{Title: title, Script: template.JS(script.String()), Data: data, Body: body})
}

// execute writes a page in the style of all.
func execute(w io.Writer, name string, p htmlPage) error {
	p.Title, p.Style = clean(p.Title), template.CSS(asset("style.css"))
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, p)
	if err == nil {
		_, err = w.Write(b.Bytes())
	}
	return wrap("HTML", err)
}

// WriteHTML writes the page as one HTML file that needs nothing else: its
// waterfall can be hovered, zoomed, sorted and told by connection.
func (p *Page) WriteHTML(w io.Writer) error {
	q := p.filled()
	origin, length := extent(p.Start, p.exchanges())
	moments := p.htmlMoments()
	for _, m := range moments {
		length = max(length, time.Duration(m.At*float64(time.Millisecond)))
	}
	chart := htmlChart{Name: p.Strategy, Exchanges: q.Entries, Offsets: offsets(origin, p.exchanges()), Moments: moments}
	data := htmlData{URL: p.URL, Length: ms(length), Charts: []htmlChart{chart}}
	return render(w, "page.html", p.URL, data, struct {
		Page
		Figures []htmlFigure
		Parts   []htmlPart
		All     string
		Moments []htmlMoment
	}{q, p.figures(), p.parts(), duration(p.allPhases()), moments})
}

func offsets(origin time.Time, exchanges []*timeline.Exchange) []float64 {
	all := make([]float64, len(exchanges))
	for i, e := range exchanges {
		all[i] = ms(e.Start.Sub(origin))
	}
	return all
}

func (p *Page) htmlMoments() []htmlMoment {
	all := []htmlMoment{}
	for _, m := range p.Moments.list() {
		if m.At > 0 {
			all = append(all, htmlMoment{m.Label, ms(m.At), duration(m.At)})
		}
	}
	return all
}

// An htmlFigure is a number a reader looks for first.
type htmlFigure struct{ Label, Value, Note string }

func (p *Page) figures() []htmlFigure {
	s := p.Summary
	failures := ""
	if n := len(p.failures()); n > 0 {
		failures = count(n, "failure")
	}
	return []htmlFigure{
		{"Time", duration(s.Time), "first start to last byte"},
		{"Exchanges", strconv.Itoa(s.Exchanges), failures},
		{"Connections", strconv.Itoa(s.Connections), fmt.Sprintf("reused %d times", s.Reused)},
		{"Received", size(s.Received.Total()), size(s.Received.Header) + " of heads"},
		{"Sent", size(s.Sent.Total()), ""},
	}
}

// parts are the phases with their share of all exchanges' time.
func (p *Page) parts() []htmlPart {
	var parts []htmlPart
	all := p.allPhases()
	for phase := range timeline.Phase(timeline.NumPhases) {
		if d := p.Summary.Phases[phase]; d > 0 {
			part := share(d, all)
			parts = append(parts, htmlPart{phase.String(), duration(d), percent(part), part * 100})
		}
	}
	return parts
}
