package report

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// Every failed exchange is told once, by the page or by itself.
func TestFailures(t *testing.T) {
	entry := func(url, location, err string) Entry {
		e := &timeline.Exchange{URL: url, Error: err, Spans: []timeline.Span{{Phase: timeline.TLS}}}
		return Entry{Exchange: e, Location: location}
	}
	p := &Page{
		Failures: []Failure{{URL: "http://a/", Step: "wait", Error: "reset"}, {URL: "http://r/", Step: "dns", Error: "no such host"}},
		Entries: []Entry{
			entry("http://a/", "", "reset"),
			entry("http://r/", "http://r2/", ""), entry("http://r2/", "http://r3/", ""), entry("http://r3/", "", "no such host"),
			entry("http://b/", "", "bad certificate"),
			entry("http://c/", "", ""),
		},
	}
	got := p.failures()
	want := append(p.Failures[:2:2], Failure{URL: "http://b/", Step: "tls", Error: "bad certificate"})
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
	if len(p.Failures) != 2 {
		t.Errorf("the page's own list has grown to %d", len(p.Failures))
	}
}

func TestMomentsJSON(t *testing.T) {
	got, err := json.Marshal(Moments{FirstByte: 1500 * time.Microsecond, LayoutKnown: -1})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"first_byte_ms":1.5,"document_complete_ms":null,"layout_known_ms":null,"first_image_ms":null,"complete_ms":null}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestExtent(t *testing.T) {
	e := func(start, length float64) *timeline.Exchange {
		return &timeline.Exchange{Start: at(start), Duration: time.Duration(length * 1e6)}
	}
	for _, c := range []struct {
		name   string
		start  time.Time
		all    []*timeline.Exchange
		origin float64
		length time.Duration
	}{
		{"from the page's start", at(0), []*timeline.Exchange{e(5, 10), e(7, 3)}, 0, 15 * time.Millisecond},
		{"from the first exchange", time.Time{}, []*timeline.Exchange{e(7, 3), e(5, 1)}, 5, 5 * time.Millisecond},
		{"an exchange before the page", at(6), []*timeline.Exchange{e(5, 10)}, 5, 10 * time.Millisecond},
		{"nothing took time", at(0), nil, 0, time.Millisecond},
	} {
		origin, length := extent(c.start, c.all)
		if !origin.Equal(at(c.origin)) || length != c.length {
			t.Errorf("%s: got %v + %v, want %v + %v", c.name, origin, length, at(c.origin), c.length)
		}
	}
}
