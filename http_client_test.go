package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// What programs that have an http.Client rely on.

// site redirects, sets and shows cookies, and says who asked.
func site(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/302":
		http.Redirect(rw, r, "/end", http.StatusFound)
	case "/307":
		http.Redirect(rw, r, "/end", http.StatusTemporaryRedirect)
	case "/loop":
		http.Redirect(rw, r, "/loop", http.StatusFound)
	case "/set":
		http.SetCookie(rw, &http.Cookie{Name: "a", Value: "b"})
	case "/slow":
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	case "/never":
		<-r.Context().Done()
	}
	user, password, _ := r.BasicAuth()
	fmt.Fprintf(rw, "%s %s body %q cookie %q user %s:%s referer %q agent %q host %q", r.Method, r.URL.Path, body, r.Header.Get("Cookie"),
		user, password, strings.TrimPrefix(r.Referer(), "http://"+r.Host), r.UserAgent(), r.Host)
}

// TestClient: http.Client finds over linger what it finds over net/http.
func TestClient(t *testing.T) {
	calls := map[string]func(c *http.Client, url string) (*http.Response, error){
		"GET":      func(c *http.Client, url string) (*http.Response, error) { return c.Get(url + "/x") },
		"HEAD":     func(c *http.Client, url string) (*http.Response, error) { return c.Head(url + "/302") },
		"redirect": func(c *http.Client, url string) (*http.Response, error) { return c.Get(url + "/302") },
		"POST, 302": func(c *http.Client, url string) (*http.Response, error) {
			return c.Post(url+"/302", "text/plain", strings.NewReader("abc"))
		},
		"POST, 307": func(c *http.Client, url string) (*http.Response, error) {
			return c.Post(url+"/307", "text/plain", strings.NewReader("abc"))
		},
		"cookies": func(c *http.Client, url string) (*http.Response, error) {
			resp, err := c.Get(url + "/set")
			if err != nil {
				return nil, err
			}
			resp.Body.Close()
			return c.Get(url + "/x")
		},
		"user in the URL": func(c *http.Client, url string) (*http.Response, error) {
			return c.Get(strings.Replace(url, "://", "://me:secret@", 1) + "/x")
		},
		"form": func(c *http.Client, addr string) (*http.Response, error) {
			return c.PostForm(addr+"/x", url.Values{"a": {"b c"}})
		},
		"own host": func(c *http.Client, url string) (*http.Response, error) {
			req, err := http.NewRequest("GET", url+"/x", nil)
			if err != nil {
				return nil, err
			}
			req.Host = "another.test"
			return c.Do(req)
		},
	}
	everywhere(t, http.HandlerFunc(site), func(t *testing.T, w *watched, url string) {
		std := &http.Transport{TLSClientConfig: w.TLSClientConfig}
		defer std.CloseIdleConnections()
		for name, call := range calls {
			ask := func(rt http.RoundTripper) string {
				jar, err := cookiejar.New(nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := call(&http.Client{Transport: rt, Jar: jar}, url)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return ""
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				return fmt.Sprintf("%d %s %v %s", resp.StatusCode, body, err, resp.Request.URL)
			}
			want := regexp.MustCompile(`Go-http-client/\d.\d`).ReplaceAllString(ask(std), defaultUserAgent)
			if got := ask(w); got != want {
				t.Errorf("%s:\nlinger   %s\nnet/http %s", name, got, want)
			}
		}
		var wrapped interface{ Timeout() bool }
		if _, err := (&http.Client{Transport: w}).Get(url + "/loop"); !errors.As(err, &wrapped) || wrapped.Timeout() || !strings.Contains(err.Error(), "10 redirects") {
			t.Errorf("a loop: %v", err)
		}
	})
}

// TestClientTimesOut: http.Client.Timeout ends the wait for an answer and the
// reading of it, with an error that says so in each of the ways there are.
func TestClientTimesOut(t *testing.T) {
	everywhere(t, http.HandlerFunc(site), func(t *testing.T, w *watched, url string) {
		for _, path := range []string{"/never", "/slow"} {
			c := &http.Client{Transport: w, Timeout: 50 * time.Millisecond}
			resp, err := c.Get(url + path)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			var ne net.Error
			if !errors.As(err, &ne) || !ne.Timeout() || !os.IsTimeout(err) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}

// TestCauses: an error is the context's cause, and what its Err says as well.
func TestCauses(t *testing.T) {
	mine := errors.New("mine")
	contexts := map[string]struct {
		make    func() (context.Context, func())
		want    error
		timeout bool
	}{
		"canceled": {func() (context.Context, func()) {
			return context.WithCancel(context.Background())
		}, context.Canceled, false},
		"canceled for a cause": {func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(mine) }
		}, context.Canceled, false},
		"out of time": {func() (context.Context, func()) {
			return context.WithTimeout(context.Background(), time.Millisecond)
		}, context.DeadlineExceeded, true},
		"out of time for a cause": {func() (context.Context, func()) {
			return context.WithTimeoutCause(context.Background(), time.Millisecond, mine)
		}, context.DeadlineExceeded, true},
	}
	everywhere(t, http.HandlerFunc(site), func(t *testing.T, w *watched, url string) {
		for name, tt := range contexts {
			for _, path := range []string{"/never", "/slow"} {
				ctx, end := tt.make()
				answered := make(chan answer)
				go func() { answered <- w.do(request(t, "GET", url+path, "").WithContext(ctx)) }()
				if tt.timeout {
					<-ctx.Done()
				} else {
					eventually(t, "the exchange is under way", func() bool { return w.Stats().Active > 0 })
				}
				end()
				a := <-answered
				var e *Error
				if !errors.Is(a.err, tt.want) || !errors.Is(a.err, context.Cause(ctx)) || !errors.As(a.err, &e) || e.Timeout() != tt.timeout {
					t.Errorf("%s, %s: %v", name, path, a.err)
				}
			}
		}
	})
}

// TestWordsOfNetHTTP: some programs tell errors by what net/http says; its words
// are in ours.
func TestWordsOfNetHTTP(t *testing.T) {
	tests := map[string]func(r *http.Request){
		"unsupported protocol scheme":          func(r *http.Request) { r.URL.Scheme = "gopher" },
		"no Host in request URL":               func(r *http.Request) { r.URL.Host = "" },
		"invalid header field name \"a b\"":    func(r *http.Request) { r.Header["a b"] = []string{"c"} },
		"invalid header field value for \"A\"": func(r *http.Request) { r.Header["A"] = []string{"\n"} },
		"invalid method \"G T\"":               func(r *http.Request) { r.Method = "G T" },
	}
	w := watch(t, Strategy{})
	for words, change := range tests {
		req := request(t, "GET", "http://a.test", "")
		change(req)
		if a := w.do(req); a.err == nil || !strings.HasSuffix(a.err.Error(), words) && !strings.Contains(a.err.Error(), words+" ") {
			t.Errorf("%q is not in %v", words, a.err)
		}
	}
}

// TestSchemeMismatch: an https request to a server that speaks HTTP in clear is
// http.ErrSchemeMismatch.
func TestSchemeMismatch(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(site))
	defer srv.Close()
	a := watch(t, Strategy{}).get(strings.Replace(srv.URL, "http:", "https:", 1))
	var e *Error
	if !errors.Is(a.err, http.ErrSchemeMismatch) || !errors.As(a.err, &e) || e.Step != timeline.TLS || e.Hint() == "" || !errors.As(a.err, new(tls.RecordHeaderError)) {
		t.Errorf("got %v", a.err)
	}
}

// TestNilHeader: a request without a Header has no fields.
func TestNilHeader(t *testing.T) {
	everywhere(t, http.HandlerFunc(site), func(t *testing.T, w *watched, url string) {
		req := request(t, "GET", url+"/x", "")
		req.Header = nil
		if a := w.do(req); a.err != nil || !strings.HasPrefix(a.body, "GET /x ") || req.Header != nil {
			t.Errorf("%q, %v", a.body, a.err)
		}
	})
}

// TestUserAgent: "linger", unless the request says otherwise, or that there is to
// be none; of several the first.
func TestUserAgent(t *testing.T) {
	everywhere(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprintf(rw, "%q", r.Header["User-Agent"]) }), func(t *testing.T, w *watched, url string) {
		for want, given := range map[string][]string{`["linger"]`: nil, `["mine"]`: {"mine", "other"}, `[]`: {""}} {
			req := request(t, "GET", url, "")
			if given != nil {
				req.Header["User-Agent"] = given
			}
			if a := w.do(req); a.body != want {
				t.Errorf("given %q, sent %s", given, a.body)
			}
		}
	})
}

// TestDifferencesAreTested: every test that docs/differences.md names is there.
func TestDifferencesAreTested(t *testing.T) {
	doc, err := os.ReadFile("docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	parsers, err := filepath.Glob("internal/http1/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, name := range append(ours, parsers...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(doc), -1)
	if len(named) == 0 {
		t.Fatal("no test is named")
	}
	for _, m := range named {
		if !strings.Contains(tests.String(), "func "+m[1]+"(") {
			t.Errorf("there is no %s", m[1])
		}
	}
}
