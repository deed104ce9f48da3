package report

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

// What became of the connection is told from what the exchanges show.
func TestFate(t *testing.T) {
	header := func(option string) http.Header { return http.Header{"Connection": {option}} }
	for _, c := range []struct {
		name  string
		entry Entry
		other timeline.Conn
		want  string
	}{
		{"another exchange used it", Entry{Exchange: &timeline.Exchange{Conn: conn(1)}}, conn(1), "kept: it carried 1 other exchange"},
		{"none did", Entry{Exchange: &timeline.Exchange{Conn: conn(1)}}, conn(2), "no other exchange used it"},
		{"the server closes", Entry{Exchange: &timeline.Exchange{Conn: conn(1)}, ResponseHeader: header("upgrade, Close")}, conn(2), "closed: the response said Connection: close"},
		{"the client closes", Entry{Exchange: &timeline.Exchange{Conn: conn(1)}, RequestHeader: header("close")}, conn(2), "closed: the request said Connection: close"},
		{"1.0", Entry{Exchange: &timeline.Exchange{Conn: conn(1), Protocol: "HTTP/1.0"}}, conn(2), "closed: HTTP/1.0 without keep-alive"},
		{"1.0 kept", Entry{Exchange: &timeline.Exchange{Conn: conn(1), Protocol: "HTTP/1.0"}, ResponseHeader: header("Keep-Alive")}, conn(2), "no other exchange used it"},
		{"it failed", Entry{Exchange: &timeline.Exchange{Conn: conn(1), Error: "reset"}}, conn(2), "closed: the exchange failed"},
		{"there was none", Entry{Exchange: &timeline.Exchange{}}, conn(1), "there was no connection to close"},
	} {
		p := &Page{Entries: []Entry{c.entry, {Exchange: &timeline.Exchange{Conn: c.other}}}}
		if got := p.fate(p.Entries[0]); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStepsOfOtherURLs(t *testing.T) {
	for url, wants := range map[string][]string{
		"https://example.com/":     {"host name   example.com", "443, the default of https"},
		"http://[2001:db8::1]:81/": {"host name   2001:db8::1", "81, named in the URL"},
		"http:///nowhere":          {"the URL names no host"},
		"http://%zz/":              {"the URL names no host"},
	} {
		p := &Page{Entries: []Entry{{Exchange: &timeline.Exchange{Method: "GET", URL: url}}}}
		var b bytes.Buffer
		if err := p.WriteSteps(&b, Terminal{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", url, want, b.String())
			}
		}
	}
	var b bytes.Buffer
	if err := (&Page{}).WriteSteps(&b, Terminal{}); err != nil || b.Len() > 0 {
		t.Errorf("without an exchange: %q, %v", b.String(), err)
	}
}
