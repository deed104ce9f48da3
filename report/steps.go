package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// WriteSteps tells the first exchange in the seven steps of every browser: host
// name, addresses, port, connection, request, response, close. It writes nothing
// if there was no exchange.
func (p *Page) WriteSteps(w io.Writer, t Terminal) error {
	if len(p.Entries) == 0 {
		return nil
	}
	e := p.Entries[0]
	u, err := url.Parse(e.URL)
	if err != nil {
		u = &url.URL{}
	}
	s := &steps{t: t}
	fmt.Fprintf(&s.b, "%s\n", t.paint(bold, wrapped(clean(e.Method)+" "+cleanURL(e.URL), t.width(), "  ")))
	s.step("host name", 0, hostName(u))
	s.addresses(e)
	s.port(u)
	s.connection(e)
	s.request(e)
	s.response(e)
	s.step("close", 0, p.fate(e))
	_, err = w.Write(s.b.Bytes())
	return wrap("text", err)
}

// steps writes the numbered steps one below the other.
type steps struct {
	t Terminal
	b bytes.Buffer
	n int
}

// labelWidth is how wide number and label of a step are, with their gaps.
const labelWidth = len("1 host name   ")

// step begins the next step: what it found, and how long it took if it took any
// time.
func (s *steps) step(label string, took time.Duration, text string) {
	s.n++
	time := ""
	if took > 0 {
		time = duration(took)
	}
	room := s.t.width() - labelWidth - 8
	lines := strings.Split(wrapped(s.t.encode(text), room, ""), "\n")
	fmt.Fprintf(&s.b, "%d %s %s", s.n, s.t.paint(bold, padRight(label, labelWidth-3)), padRight(lines[0], room))
	s.b.WriteString(" " + padLeft(time, 7))
	s.trim()
	for _, line := range lines[1:] {
		s.detail(line)
	}
}

// detail adds a line below a step.
func (s *steps) detail(text string) {
	indent := strings.Repeat(" ", labelWidth)
	s.b.WriteString(indent + wrapped(s.t.encode(text), s.t.width()-labelWidth, indent))
	s.trim()
}

// trim ends a line without blanks at its end.
func (s *steps) trim() {
	s.b.Truncate(len(bytes.TrimRight(s.b.Bytes(), " ")))
	s.b.WriteByte('\n')
}

// spans adds what the spans of some phases say: notes, and each attempt.
func (s *steps) spans(e Entry, phases ...timeline.Phase) {
	for _, span := range e.Spans {
		if !slices.Contains(phases, span.Phase) {
			continue
		}
		if span.Note != "" {
			s.detail(span.Phase.String() + ": " + clean(span.Note))
		}
		for _, a := range span.Attempts {
			text := fmt.Sprintf("%s attempt after %s, %s", a.Phase, duration(a.Start-span.Start), duration(a.Duration()))
			if a.Note != "" {
				text += ": " + clean(a.Note)
			}
			s.detail(text)
		}
	}
}

func hostName(u *url.URL) string {
	if u.Hostname() == "" {
		return "the URL names no host"
	}
	return cleanURL(u.Hostname())
}

func (s *steps) addresses(e Entry) {
	took := e.In(timeline.DNS)
	switch {
	case e.Conn.Remote.IsValid() && took > 0:
		s.step("addresses", took, e.Conn.Remote.Addr().String()+" was used")
	case e.Conn.Remote.IsValid():
		s.step("addresses", 0, e.Conn.Remote.Addr().String()+", without a lookup")
	case took > 0:
		s.step("addresses", took, "looked up, and none led to a connection")
	default:
		s.step("addresses", 0, "none was looked up")
	}
	s.spans(e, timeline.DNS)
}

func (s *steps) port(u *url.URL) {
	switch {
	case u.Port() != "":
		s.step("port", 0, u.Port()+", named in the URL")
	case u.Scheme == "https":
		s.step("port", 0, "443, the default of https")
	default:
		s.step("port", 0, "80, the default of "+clean(u.Scheme))
	}
}

func (s *steps) connection(e Entry) {
	took := e.In(timeline.Connect) + e.In(timeline.TLS)
	if !e.Conn.Local.IsValid() {
		s.step("connection", took, "none came about")
	} else {
		s.step("connection", took, s.t.tuple(e.Conn))
	}
	if e.Conn.TLS != "" {
		s.detail(fmt.Sprintf("%s, %s of it", clean(e.Conn.TLS), duration(e.In(timeline.TLS))))
	}
	if e.Reason != "" {
		s.detail(clean(e.Reason))
	}
	if q := e.In(timeline.Queue); q > 0 {
		s.detail("after " + duration(q) + " in the queue")
	}
	s.spans(e, timeline.Queue, timeline.Connect, timeline.TLS)
}

// tuple is the connection's 4-tuple.
func (t Terminal) tuple(c timeline.Conn) string {
	return fmt.Sprintf("%s %s %s", c.Local, t.glyph("→", "->"), c.Remote)
}

func (s *steps) request(e Entry) {
	if e.Sent.Total() == 0 && e.In(timeline.Send) == 0 {
		s.step("request", 0, "was not sent")
		return
	}
	text := size(e.Sent.Header) + " of head"
	if e.Sent.Body > 0 {
		text += ", " + size(e.Sent.Body) + " of body"
	}
	if e.Tries > 1 {
		text += fmt.Sprintf(", sent %d times", e.Tries)
	}
	s.step("request", e.In(timeline.Send), text)
	s.spans(e, timeline.Send)
	s.head(e.RequestHeader)
}

func (s *steps) response(e Entry) {
	took := e.In(timeline.Wait) + e.In(timeline.Receive)
	if e.Status == 0 {
		s.step("response", took, "none came: "+clean(e.Error))
		return
	}
	s.step("response", took, strings.TrimSpace(fmt.Sprintf("%s %d %s", clean(e.Protocol), e.Status, http.StatusText(e.Status))))
	s.detail(fmt.Sprintf("%s until its first byte, %s to read %s", duration(e.In(timeline.Wait)), duration(e.In(timeline.Receive)), size(e.Received.Total())))
	if e.Error != "" {
		s.detail("cut short: " + clean(e.Error))
	}
	if e.Location != "" {
		s.detail("leads to " + cleanURL(e.Location))
	}
	s.spans(e, timeline.Wait, timeline.Receive)
	s.head(e.ResponseHeader)
}

// head adds the fields of a head in alphabetical order, one a line.
func (s *steps) head(h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			s.detail(clean(name) + ": " + clean(value))
		}
	}
}

// fate says what became of the first exchange's connection, from what the
// exchanges show.
func (p *Page) fate(e Entry) string {
	if e.Conn.Number == 0 {
		return "there was no connection to close"
	}
	more := 0
	for _, other := range p.Entries[1:] {
		if other.Conn == e.Conn {
			more++
		}
	}
	switch {
	case more > 0:
		return "kept: it carried " + count(more, "other exchange")
	case e.Error != "":
		return "closed: the exchange failed"
	case saysClose(e.ResponseHeader):
		return "closed: the response said Connection: close"
	case saysClose(e.RequestHeader):
		return "closed: the request said Connection: close"
	case e.Protocol == "HTTP/1.0" && !saysOption(e.ResponseHeader, "keep-alive"):
		return "closed: HTTP/1.0 without keep-alive"
	}
	return "no other exchange used it"
}

func saysClose(h http.Header) bool { return saysOption(h, "close") }

// saysOption reports whether a head has a connection option (RFC 9110 §7.6.1).
func saysOption(h http.Header, name string) bool {
	for _, value := range h.Values("Connection") {
		for option := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(option), name) {
				return true
			}
		}
	}
	return false
}
