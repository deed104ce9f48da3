package otel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/timeline"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	api "go.opentelemetry.io/otel/trace"
)

func discard(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }

// TestSpan holds a span against the conventions, its times against the timeline,
// and what the server was told against the span.
func TestSpan(t *testing.T) {
	var header http.Header
	url, port := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		header = r.Header
		io.WriteString(rw, "hello")
	})
	r := newRig(t, &linger.Transport{}, Options{})
	ctx, parent := r.tracer.Start(context.Background(), "caller")
	secretURL := strings.Replace(url, "http://", "http://user:word@", 1) + "/path?a=1&sig=s3cret&b="
	e, err := r.get(ctx, "GET", secretURL)
	if err != nil {
		t.Fatal(err)
	}
	parent.End()
	span, _ := r.client()
	want := map[string]any{
		"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": int64(port), "url.scheme": "http",
		"url.full":                  strings.Replace(url, "http://", "http://REDACTED:REDACTED@", 1) + "/path?a=1&sig=REDACTED&b=",
		"http.response.status_code": int64(200), "network.protocol.name": "http", "network.protocol.version": "1.1",
		"network.peer.address": "127.0.0.1", "network.peer.port": int64(port),
		"linger.connection": int64(1), "linger.reason": e.Reason,
	}
	if got := attributes(span.Attributes); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if span.Name != "GET" || span.Status.Code != codes.Unset || span.Parent.SpanID() != parent.SpanContext().SpanID() {
		t.Errorf("%q, %v, parent %v", span.Name, span.Status, span.Parent.SpanID())
	}
	if span.StartTime.After(e.Start) || !span.EndTime.Equal(e.Start.Add(e.Duration)) {
		t.Errorf("from %v to %v, the exchange from %v for %v", span.StartTime, span.EndTime, e.Start, e.Duration)
	}
	if got := header.Get("Traceparent"); !strings.Contains(got, span.SpanContext.SpanID().String()) {
		t.Errorf("the server was told of %q, not of %v", got, span.SpanContext.SpanID())
	}
}

// TestSpanLeavesTheRequest: the caller's request is not written to, and the
// response belongs to it.
func TestSpanLeavesTheRequest(t *testing.T) {
	url, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	r := newRig(t, &linger.Transport{}, Options{})
	req, _ := http.NewRequest("GET", url, nil)
	req.Header.Set("Mine", "1")
	before := maps.Clone(req.Header)
	resp, err := r.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !reflect.DeepEqual(before, req.Header) || resp.Request != req {
		t.Errorf("the header became %v; the response's request is %p, not %p", req.Header, resp.Request, req)
	}
}

// TestPhases: the timeline's spans are the span's children, as they were.
func TestPhases(t *testing.T) {
	url, _ := serve(t, func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "hello") })
	for name, phases := range map[string]Phases{"spans": PhaseSpans, "events": PhaseEvents, "none": PhaseNone} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, &linger.Transport{}, Options{Phases: phases})
			e, err := r.get(context.Background(), "GET", url)
			if err != nil {
				t.Fatal(err)
			}
			span, children := r.client()
			want := e.Spans
			wantEvents := e.Spans
			if phases != PhaseSpans {
				want = nil
			}
			if phases != PhaseEvents {
				wantEvents = nil
			}
			if len(children) != len(want) || len(span.Events) != len(wantEvents) {
				t.Fatalf("%d children and %d events of %d spans", len(children), len(span.Events), len(e.Spans))
			}
			for i, s := range want {
				c := children[i]
				if c.Name != s.Phase.String() || !c.StartTime.Equal(e.Start.Add(s.Start)) || !c.EndTime.Equal(e.Start.Add(s.End)) || c.SpanKind != api.SpanKindInternal {
					t.Errorf("%+v became %s from %v to %v", s, c.Name, c.StartTime, c.EndTime)
				}
				checkPhase(t, s, c.Attributes)
				if below := childrenOf(c, r.spans.GetSpans()); len(below) != len(s.Attempts) {
					t.Errorf("%d attempts became %d spans", len(s.Attempts), len(below))
				}
			}
			for i, s := range wantEvents {
				ev := span.Events[i]
				if ev.Name != s.Phase.String() || !ev.Time.Equal(e.Start.Add(s.Start)) || attributes(ev.Attributes)["linger.duration"] != s.Duration().Seconds() {
					t.Errorf("%+v became %+v", s, ev)
				}
				checkPhase(t, s, ev.Attributes)
			}
		})
	}
}

func checkPhase(t *testing.T, s timeline.Span, attrs []attribute.KeyValue) {
	t.Helper()
	got := attributes(attrs)
	if got["linger.phase"] != s.Phase.String() || got["linger.cause"] != s.Cause.String() || (s.Note != "" && got["linger.note"] != s.Note) {
		t.Errorf("%+v became %v", s, got)
	}
}

// TestErrors: what went wrong is told in a word that may label a metric.
func TestErrors(t *testing.T) {
	arrived := make(chan bool, 1)
	url, _ := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			rw.WriteHeader(404)
		case "/503":
			rw.WriteHeader(503)
		case "/hangs":
			arrived <- true
			<-r.Context().Done()
		case "/cut":
			rw.Header().Set("Content-Length", "10")
			rw.Write([]byte("half"))
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there
	canceled, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	for _, tt := range []struct {
		name, method, url, want string
		ctx                     context.Context
	}{
		{name: "no error", url: url + "/"},
		{name: "client error", url: url + "/404", want: "404"},
		{name: "server error", url: url + "/503", want: "503"},
		{name: "refused", url: "http://" + l.Addr().String(), want: "connect"},
		{name: "no name", url: "http://name.invalid/", want: "dns"},
		{name: "canceled", url: url + "/hangs", ctx: canceled, want: "canceled"},
		{name: "no header in time", url: url + "/hangs", want: "timeout"},
		{name: "pool full", url: url + "/", want: "queue_full"},
		{name: "no connection in time", url: url + "/", want: "queue_timeout"},
		{name: "body cut", url: url + "/cut", want: "receive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := &linger.Transport{}
			switch tt.want {
			case "timeout":
				base.ResponseHeaderTimeout = time.Millisecond
			case "dns":
				base.Resolve = nowhere
			case "queue_full":
				base.RegisterProtocol("http", refusing{linger.ErrQueueFull})
			case "queue_timeout":
				base.RegisterProtocol("http", refusing{linger.ErrQueueTimeout})
			}
			r := newRig(t, base, Options{})
			ctx := tt.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			_, err := r.get(ctx, "GET", tt.url)
			span, _ := r.client()
			got, _ := attributes(span.Attributes)["error.type"].(string)
			if got != tt.want || (span.Status.Code == codes.Error) != (tt.want != "") {
				t.Errorf("error.type %q, not %q; %+v; %v", got, tt.want, span.Status, err)
			}
			if (err != nil) != (span.Status.Description != "") {
				t.Errorf("described as %q: %v", span.Status.Description, err)
			}
		})
	}
}

// TestUnknownMethod: a method that anybody can make up must not name a span.
func TestUnknownMethod(t *testing.T) {
	url, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	r := newRig(t, &linger.Transport{}, Options{})
	if _, err := r.get(context.Background(), "BREW", url); err != nil {
		t.Fatal(err)
	}
	span, _ := r.client()
	if got := attributes(span.Attributes); span.Name != "HTTP" || got["http.request.method"] != "_OTHER" || got["http.request.method_original"] != "BREW" {
		t.Errorf("%s, %v", span.Name, got)
	}
}

func TestSpanName(t *testing.T) {
	url, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	r := newRig(t, &linger.Transport{}, Options{SpanName: func(req *http.Request) string { return req.Method + " /item/{id}" }})
	if _, err := r.get(context.Background(), "GET", url+"/item/7"); err != nil {
		t.Fatal(err)
	}
	if span, _ := r.client(); span.Name != "GET /item/{id}" {
		t.Error(span.Name)
	}
}

// TestResent: the server closes the connection when the second request has come.
func TestResent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for _, answers := range []int{1, 1} {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(c)
			for range answers {
				http.ReadRequest(in)
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
			http.ReadRequest(in)
			c.Close()
		}
	}()
	r := newRig(t, &linger.Transport{}, Options{})
	for range 2 {
		if _, err := r.get(context.Background(), "GET", "http://"+l.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	r.base.Close()
	l.Close()
	<-done
	var counts []any
	for _, s := range r.spans.GetSpans() {
		if s.SpanKind == api.SpanKindClient {
			counts = append(counts, attributes(s.Attributes)["http.request.resend_count"])
		}
	}
	if !slices.Equal(counts, []any{nil, int64(1)}) {
		t.Errorf("sent again: %v", counts)
	}
}

// TestUpgrade: the span ends with the answer, and the body is still all that linger
// makes of it.
func TestUpgrade(t *testing.T) {
	url, _ := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		c, buffered, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.CopyN(c, buffered, 5)
	})
	r := newRig(t, &linger.Transport{}, Options{})
	req, _ := http.NewRequest("GET", url, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := r.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	span, _ := r.client()
	if got := attributes(span.Attributes); got["http.response.status_code"] != int64(101) || got["error.type"] != nil {
		t.Error(got)
	}
	both := resp.Body.(io.ReadWriteCloser)
	defer both.Close()
	io.WriteString(both, "hello")
	if echoed, err := io.ReadAll(both); err != nil || string(echoed) != "hello" {
		t.Errorf("%q, %v", echoed, err)
	}
}

// TestAnsweredByAnother: an answer that linger did not fetch ends its span when it
// is returned.
func TestAnsweredByAnother(t *testing.T) {
	base := &linger.Transport{}
	base.RegisterProtocol("memory", memory{})
	r := newRig(t, base, Options{})
	if _, err := r.get(context.Background(), "GET", "memory://host/"); err != nil {
		t.Fatal(err)
	}
	span, children := r.client()
	if got := attributes(span.Attributes); got["http.response.status_code"] != int64(418) || got["error.type"] != "418" || len(children) != 0 || span.EndTime.Before(span.StartTime) {
		t.Errorf("%v, %v", got, names(children))
	}
}

// TestAnotherFails: so does its error.
func TestAnotherFails(t *testing.T) {
	base := &linger.Transport{}
	base.RegisterProtocol("memory", memory{})
	r := newRig(t, base, Options{})
	if _, err := r.get(context.Background(), "POST", "memory://host/"); err == nil {
		t.Fatal("no error")
	}
	span, _ := r.client()
	if got := attributes(span.Attributes); got["error.type"] != "_OTHER" || span.Status.Description != errForgotten.Error() {
		t.Errorf("%v, %+v", got, span.Status)
	}
}

// memory answers GET, and nothing else.
type memory struct{}

var errForgotten = errors.New("forgotten")

func (memory) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != "GET" {
		return nil, errForgotten
	}
	return &http.Response{StatusCode: 418, Body: http.NoBody}, nil
}

// refusing is a pool that is at its limit.
type refusing struct{ why error }

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &linger.Error{Step: timeline.Queue, Err: r.why}
}

// nowhere is a resolver that knows no name.
func nowhere(_ context.Context, host, _ string) ([]netip.AddrPort, error) {
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}
