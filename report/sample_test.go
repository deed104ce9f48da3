package report

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// epoch is where the time of all samples begins.
var epoch = time.Date(2026, 3, 9, 10, 20, 30, 450_000_000, time.UTC)

const (
	hostileURL  = `http://www.example.com/</script><script>window.pwned=1</script>/"'><img src=x onerror=window.pwned=1>.png`
	hostileNote = "</script><img src=x onerror=window.pwned=1> \x1b[31mred\x1b[0m \u202eevil"
)

// at is a time so many milliseconds after the epoch.
func at(ms float64) time.Time {
	return epoch.Add(time.Duration(ms * float64(time.Millisecond)))
}

// A leg is a phase and how many milliseconds it takes.
type leg struct {
	phase timeline.Phase
	cause timeline.Cause
	ms    float64
	note  string
}

func conn(n int) timeline.Conn {
	return timeline.Conn{
		Number: n,
		Local:  netip.AddrPortFrom(netip.MustParseAddr("192.0.2.10"), uint16(50000+n)),
		Remote: netip.MustParseAddrPort("198.51.100.7:80"),
	}
}

// exchange makes an exchange that starts so many milliseconds after the epoch.
func exchange(number int, url string, start float64, c timeline.Conn, nth int, legs ...leg) *timeline.Exchange {
	e := &timeline.Exchange{
		Number: number, Method: "GET", URL: url, Protocol: "HTTP/1.1", Status: 200,
		Start: at(start), Conn: c, Nth: nth, Tries: 1, Reason: "reused: idle",
		Sent:     timeline.Bytes{Header: int64(90 + len(url))},
		Received: timeline.Bytes{Header: 240, Body: int64(700 * number)},
	}
	if nth == 1 {
		e.Reason = fmt.Sprintf("new connection: %d of 6 open", c.Number)
	}
	now := start
	for _, l := range legs {
		e.Enter(l.phase, l.cause, at(now))
		e.Note(l.note)
		now += l.ms
	}
	e.Finish(at(now), nil)
	return e
}

// samplePage has one of everything: a lookup, a failed and a won dial, TLS,
// queues, pipelined exchanges, a redirect, a retry, failures, another origin and
// hostile text.
func samplePage(t testing.TB) *Page {
	t.Helper()
	const site = "http://www.example.com"
	wait := func(q, w, r float64) []leg {
		return []leg{{timeline.Queue, timeline.Queued, q, ""}, {timeline.Send, timeline.Unknown, 0.2, ""},
			{timeline.Wait, timeline.Server, w, ""}, {timeline.Receive, timeline.Transfer, r, ""}}
	}
	dial := func(q, c, w, r float64) []leg {
		legs := wait(q, w, r)
		return append([]leg{legs[0], {timeline.Connect, timeline.Handshake, c, ""}}, legs[1:]...)
	}
	document := exchange(1, site+"/", 0, conn(1), 1,
		leg{timeline.DNS, timeline.NameLookup, 8, "2001:db8::7, 198.51.100.7"},
		leg{timeline.Connect, timeline.Handshake, 31, ""},
		leg{timeline.Send, timeline.Unknown, 0.3, ""},
		leg{timeline.Wait, timeline.Server, 24, ""},
		leg{timeline.Receive, timeline.SlowStart, 42, "2 stalls"})
	document.Spans[1].Attempts = []timeline.Span{
		{Phase: timeline.Connect, Cause: timeline.Handshake, Start: 8e6, End: 9e6, Note: "[2001:db8::7]:80: connection refused"},
		{Phase: timeline.Connect, Cause: timeline.Handshake, Start: 9e6, End: 39e6, Note: "198.51.100.7:80"},
	}
	secure := conn(3)
	secure.Remote = netip.MustParseAddrPort("[2001:db8::cd]:443")
	secure.Local = netip.MustParseAddrPort("[2001:db8::10]:50003")
	secure.TLS = "TLS 1.3 TLS_AES_128_GCM_SHA256"
	retried := exchange(7, site+"/img/retried.gif", 92, conn(4), 1,
		leg{timeline.Send, timeline.Unknown, 0.2, ""}, leg{timeline.Wait, timeline.Server, 9, "the server closed the connection"},
		leg{timeline.Queue, timeline.Queued, 4, ""}, leg{timeline.Connect, timeline.Handshake, 28, ""},
		leg{timeline.Send, timeline.Unknown, 0.2, ""}, leg{timeline.Wait, timeline.Server, 20, ""}, leg{timeline.Receive, timeline.Transfer, 6, ""})
	retried.Tries, retried.Reason = 2, "retried: idle connection closed by the server"
	refused := exchange(10, "http://cdn.example.net:8080/never.woff2", 95, timeline.Conn{}, 0, leg{timeline.Connect, timeline.Handshake, 30, ""})
	refused.Status, refused.Protocol, refused.Sent, refused.Received, refused.Reason = 0, "", timeline.Bytes{}, timeline.Bytes{}, "new connection: 1 of 6 open"
	refused.Error = "connect: 198.51.100.9:8080: connection refused"
	cut := exchange(11, site+"/img/cut.jpg", 96, conn(2), 4, wait(80, 22, 11)...)
	cut.Error = "read: unexpected EOF after 1,200 of 9,000 bytes"
	hostile := exchange(12, hostileURL, 97, conn(1), 4, wait(110, 26, 4)...)
	hostile.Spans[0].Note = hostileNote
	secureLegs := []leg{{timeline.DNS, timeline.NameLookup, 11, ""}, {timeline.Connect, timeline.Handshake, 26, ""},
		{timeline.TLS, timeline.TLSHandshake, 55, ""}, {timeline.Send, timeline.Unknown, 0.1, ""},
		{timeline.Wait, timeline.Server, 30, ""}, {timeline.Receive, timeline.Transfer, 12, ""}}
	all := []*timeline.Exchange{
		document,
		exchange(2, site+"/css/main.css?v=3", 64, conn(2), 1, dial(0, 29, 21, 2)...),
		exchange(3, "https://static.example.net/fonts/a-very-long-directory-name/and-another-one/inter-latin-400.woff2", 70, secure, 1, secureLegs...),
		exchange(4, site+"/js/app.js", 72, conn(1), 2, wait(34, 23, 31)...),
		exchange(5, site+"/img/logo.png", 80, conn(2), 2, wait(36, 22, 9)...),
		exchange(6, site+"/img/hero.jpg", 81, conn(2), 3, wait(36, 31, 34)...),
		retried,
		exchange(8, site+"/old", 93, conn(4), 2, wait(60, 24, 1)...),
		exchange(9, site+"/new", 179, conn(4), 3, wait(1, 22, 3)...),
		refused, cut, hostile,
	}
	return describe(t, all)
}

// describe makes a page of the sample's exchanges.
func describe(t testing.TB, all []*timeline.Exchange) *Page {
	t.Helper()
	kinds := []string{"document", "style", "font", "script", "image", "image", "image", "other", "other", "font", "image", "image"}
	types := map[string]string{"document": "text/html; charset=utf-8", "style": "text/css", "script": "text/javascript", "image": "image/png", "font": "font/woff2", "other": ""}
	var errs []error
	p := &Page{
		URL: "http://www.example.com/", Strategy: "persistent6", Start: epoch, Version: "v0.1.0",
		Moments: Moments{FirstByte: 63.3e6, DocumentComplete: 105.3e6, LayoutKnown: 131.2e6, FirstImage: 147.2e6},
		Summary: timeline.Sum(all),
		Failures: []Failure{
			{URL: "http://cdn.example.net:8080/never.woff2", Step: "connect", Error: "198.51.100.9:8080: connection refused", Hint: "nothing listens on that port"},
			{URL: "http://nowhere.invalid/x.png", Step: "dns", Error: "no such host", Hint: "check the spelling of \x1b]0;title\x07the name"},
		},
	}
	for i, e := range all {
		errs = append(errs, e.Check())
		n := Entry{Exchange: e, Kind: kinds[i], ContentType: types[kinds[i]], Size: e.Received.Body, FoundIn: p.URL}
		n.RequestHeader = http.Header{"Host": {"www.example.com"}, "Accept-Encoding": {"gzip, br"}, "Cookie": {"session=abc; theme=dark"}}
		n.ResponseHeader = http.Header{"Content-Type": {types[kinds[i]]}, "Server": {"demo\x1b[2J"}}
		p.Entries = append(p.Entries, n)
	}
	p.Entries[0].FoundIn = ""
	p.Entries[0].Size *= 3 // it was compressed
	p.Entries[0].ResponseHeader["Content-Encoding"] = []string{"gzip"}
	p.Entries[0].ResponseHeader["Set-Cookie"] = []string{"session=abc; Path=/; Domain=example.com; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure; HttpOnly", "theme=dark"}
	p.Entries[7].Status, p.Entries[7].Location = 302, "http://www.example.com/new"
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return p
}

// bigPage has n exchanges over six kept connections.
func bigPage(n int) *Page {
	p := &Page{URL: "http://www.example.com/", Strategy: "persistent6", Start: epoch}
	for i := range n {
		c, slot := i%6+1, float64(i/6)
		e := exchange(i+1, fmt.Sprintf("http://www.example.com/img/%04d.png", i), 10, conn(c), i/6+1,
			leg{timeline.Queue, timeline.Queued, slot * 25, ""}, leg{timeline.Send, timeline.Unknown, 1, ""},
			leg{timeline.Wait, timeline.Server, 20, ""}, leg{timeline.Receive, timeline.Transfer, 4, ""})
		p.Entries = append(p.Entries, Entry{Exchange: e, Kind: "image", ContentType: "image/png", Size: e.Received.Body})
	}
	p.Summary = timeline.Sum(p.exchanges())
	return p
}
