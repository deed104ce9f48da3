package report

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// WriteHAR writes the page as an HTTP Archive 1.2, which browsers' developer
// tools open (http://www.softwareishard.com/blog/har-12-spec/). What HAR has no
// name for stands in fields that begin with an underscore, as it asks.
func (p *Page) WriteHAR(w io.Writer) error {
	origin, _ := extent(p.Start, p.exchanges())
	version := p.Version
	if version == "" {
		version = "devel"
	}
	log := harLog{
		Version: "1.2",
		Creator: harCreator{Name: "linger", Version: version},
		Pages: []harPage{{
			Started: harTime(origin), ID: "page_1", Title: p.URL,
			Timings:  harPageTimings{harMoment(p.Moments.DocumentComplete), harMoment(p.Moments.Complete)},
			Strategy: p.Strategy, Moments: p.Moments,
		}},
		Entries: make([]harEntry, len(p.Entries)),
	}
	for i, e := range p.Entries {
		log.Entries[i] = e.har()
	}
	return writeJSON(w, "HAR", struct {
		Log harLog `json:"log"`
	}{log})
}

func harTime(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000Z07:00") }

// harMoment is in milliseconds, -1 if the moment never came.
func harMoment(d time.Duration) float64 {
	if d <= 0 {
		return -1
	}
	return ms(d)
}

func (e Entry) har() harEntry {
	timings := harTimingsOf(e.Exchange)
	h := harEntry{
		PageRef: "page_1", Started: harTime(e.Start), Time: timings.sum(), Timings: timings,
		Request: e.harRequest(), Response: e.harResponse(),
		Number: e.Number, Kind: harResource(e.Kind), FoundIn: e.FoundIn,
		Reason: e.Reason, Nth: e.Nth, Tries: e.Tries, Error: e.Error, TLS: e.Conn.TLS,
	}
	if e.Conn.Number > 0 {
		h.Connection = strconv.Itoa(e.Conn.Number)
	}
	if e.Conn.Remote.IsValid() {
		h.ServerIP = e.Conn.Remote.Addr().String()
		h.Local, h.Remote = e.Conn.Local.String(), e.Conn.Remote.String()
	}
	return h
}

// harTimingsOf sums the phases. "ssl … is included in the connect field", and
// what did not happen is -1, but send, wait and receive, which HAR demands.
func harTimingsOf(e *timeline.Exchange) harTimings {
	var times [timeline.NumPhases]time.Duration
	var came [timeline.NumPhases]bool
	for _, s := range e.Spans {
		times[s.Phase] += s.Duration()
		came[s.Phase] = true
	}
	optional := func(d time.Duration, came bool) float64 {
		if !came {
			return -1
		}
		return ms(d)
	}
	return harTimings{
		Blocked: optional(times[timeline.Queue], came[timeline.Queue]),
		DNS:     optional(times[timeline.DNS], came[timeline.DNS]),
		Connect: optional(times[timeline.Connect]+times[timeline.TLS], came[timeline.Connect] || came[timeline.TLS]),
		SSL:     optional(times[timeline.TLS], came[timeline.TLS]),
		Send:    ms(times[timeline.Send]),
		Wait:    ms(times[timeline.Wait]),
		Receive: ms(times[timeline.Receive]),
	}
}

// sum is what HAR says of an entry's time: "the sum of all timings … not
// including -1 values"; ssl is in connect already.
func (t harTimings) sum() float64 {
	return max(t.Blocked, 0) + max(t.DNS, 0) + max(t.Connect, 0) + t.Send + t.Wait + t.Receive
}

func (e Entry) harRequest() harRequest {
	return harRequest{
		Method: e.Method, URL: e.URL, Protocol: e.Protocol,
		Cookies: harCookies((&http.Request{Header: e.RequestHeader}).Cookies()),
		Headers: harFields(e.RequestHeader), Query: harQuery(e.URL),
		HeadersSize: orUnknown(e.Sent.Header), BodySize: e.Sent.Body,
	}
}

func (e Entry) harResponse() harResponse {
	body := e.Received.Body
	c := harContent{Size: e.Size, MIME: e.ContentType}
	if e.ResponseHeader.Get("Content-Encoding") != "" {
		saved := e.Size - body
		c.Compression = &saved
	}
	return harResponse{
		Status: e.Status, StatusText: http.StatusText(e.Status), Protocol: e.Protocol,
		Cookies: harCookies((&http.Response{Header: e.ResponseHeader}).Cookies()),
		Headers: harFields(e.ResponseHeader), Content: c, RedirectURL: e.Location,
		HeadersSize: orUnknown(e.Received.Header), BodySize: body,
		TransferSize: e.Received.Total(), Error: e.Error,
	}
}

// orUnknown is -1, HAR's word for a size that nobody knows, instead of none: no
// message has a head of no bytes.
func orUnknown(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// harResource translates the kind of an object into the resource type by which
// developer tools filter.
func harResource(kind string) string {
	switch kind {
	case "style":
		return "stylesheet"
	case "icon":
		return "image"
	case "frame":
		return "document"
	}
	return kind
}

// harFields lists a head's fields by name.
func harFields(h http.Header) []harPair {
	pairs := []harPair{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			pairs = append(pairs, harPair{name, value})
		}
	}
	return pairs
}

// harQuery lists the parameters of a URL in their order. What cannot be decoded
// stays as it is.
func harQuery(raw string) []harPair {
	pairs := []harPair{}
	u, err := url.Parse(raw)
	if err != nil {
		return pairs
	}
	decoded := func(s string) string {
		if d, err := url.QueryUnescape(s); err == nil {
			return d
		}
		return s
	}
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			pairs = append(pairs, harPair{decoded(name), decoded(value)})
		}
	}
	return pairs
}

func harCookies(cookies []*http.Cookie) []harCookie {
	all := []harCookie{}
	for _, c := range cookies {
		h := harCookie{Name: c.Name, Value: c.Value, Path: c.Path, Domain: c.Domain, HTTPOnly: c.HttpOnly, Secure: c.Secure}
		if !c.Expires.IsZero() {
			h.Expires = harTime(c.Expires)
		}
		all = append(all, h)
	}
	return all
}
