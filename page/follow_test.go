package page

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func redirects(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, "it is elsewhere")
	}
}

func TestRedirects(t *testing.T) {
	addr, rt := serve(t, site{
		"/":         redirects("/dir/page?q#"),
		"/dir/page": htmlSays(`<img src=a.png><img src=/hop.png><img src=/loop1><img src=/ftp><img src=/nowhere><img src=/bad>`),
		"/dir/a.png": func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.Referer(), "/dir/page?q") {
				t.Errorf("%s with referer %q", r.Method, r.Referer())
			}
		},
		"/hop.png": redirects("dir/a.png"),
		"/loop1":   redirects("/loop2"),
		"/loop2":   redirects("/loop1"),
		"/ftp":     redirects("ftp://h/"),
		"/nowhere": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) },
		"/bad":     redirects("http://["),
	})
	p := load(t, rt, addr+"#top", Options{})
	if want := addr + "/dir/page?q#top"; p.URL != want {
		t.Errorf("the page is at %s, want %s", p.URL, want)
	}
	if d := p.Objects[0]; d.URL != addr+"/" || len(d.Hops) != 2 || d.Hops[0].Location != p.URL || d.Hops[0].Exchange.Status != 302 || d.Hops[1].Exchange.Status != 200 {
		t.Errorf("hops of the document: %+v", d.Hops)
	}
	if o := object(t, p, "/hop.png"); o.Err != nil || o.Status != 200 || o.Hops[0].Location != addr+"/dir/a.png" {
		t.Errorf("hop.png: %+v", o)
	}
	if o := object(t, p, "/nowhere"); o.Err != nil || o.Status != 302 {
		t.Errorf("a redirect without Location: %+v", o)
	}
	loop := object(t, p, "/loop1")
	var re *RedirectError
	if !errors.Is(loop.Err, ErrRedirectLoop) || !errors.As(loop.Err, &re) || len(re.Chain) != 3 || len(loop.Hops) != 2 {
		t.Errorf("a loop: %v", loop.Err)
	}
	for name, want := range map[string]string{"/ftp": "another scheme", "/bad": "missing ']'"} {
		if err := object(t, p, name).Err; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want something with %q", name, err, want)
		}
	}
}

func TestTooManyRedirects(t *testing.T) {
	addr, rt := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); err != nil {
			n = 0
		}
		if n < 10 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n+1), http.StatusPermanentRedirect)
		}
	}))
	if p := load(t, rt, addr+"/0", Options{}); p.Objects[0].Err != nil || len(p.Objects[0].Hops) != 11 {
		t.Errorf("ten redirects: %v after %d hops", p.Objects[0].Err, len(p.Objects[0].Hops))
	}
	for maximum, hops := range map[int]int{9: 10, 1: 2, -1: 1} {
		o := load(t, rt, addr+"/0", Options{MaxRedirects: maximum}).Objects[0]
		if !errors.Is(o.Err, ErrTooManyRedirects) || len(o.Hops) != hops {
			t.Errorf("MaxRedirects %d: %v after %d hops, want %d", maximum, o.Err, len(o.Hops), hops)
		}
	}
}

// A site may check that cookies are kept by redirecting to the same place.
func TestCookies(t *testing.T) {
	addr, rt := serve(t, site{
		"/": func(w http.ResponseWriter, r *http.Request) {
			if _, err := r.Cookie("seen"); err != nil {
				http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1", Path: "/"})
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
			htmlSays(`<img src=/a.png>`)(w, r)
		},
		"/a.png": func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Cookie"); got != "mine=2; seen=1" {
				t.Errorf("the image was asked for with the cookies %q", got)
			}
		},
	})
	p := load(t, rt, addr, Options{Header: http.Header{"Cookie": {"mine=2"}}})
	if o := p.Objects[0]; o.Err != nil || len(o.Hops) != 2 || len(p.Objects) != 2 {
		t.Errorf("%s: %v", urls(p), o.Err)
	}
}

// What the header says in secret stays with the origin of the page, whether
// another one is reached by name or by redirect.
func TestHeaderAndOrigins(t *testing.T) {
	other := make(chan http.Header, 2)
	cdn, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Host", r.Host)
		other <- r.Header
	}))
	own := make(chan http.Header, 1)
	addr, rt := serve(t, site{
		"/":      htmlSays(`<img src="` + cdn + `/a.png"><img src=/moved><img src=/own.png?x>`),
		"/moved": redirects(cdn + "/b.png"),
		"/own.png": func(_ http.ResponseWriter, r *http.Request) {
			r.Header.Set("Host", r.Host)
			own <- r.Header
		},
	})
	given := http.Header{"Authorization": {"secret"}, "Cookie": {"secret=1"}, "Host": {"name.test"}, "X-Other": {"1"}, "User-Agent": {"mine"}}
	load(t, rt, addr+"/?q", Options{Header: given})
	for range 2 {
		h := <-other
		for name, want := range map[string]string{
			"Authorization": "", "Cookie": "", "Host": strings.TrimPrefix(cdn, "http://"),
			"X-Other": "1", "User-Agent": "mine", "Referer": addr + "/", "Accept": acceptImage, "Accept-Encoding": "gzip, br, zstd",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("another origin was told %s: %q, want %q", name, got, want)
			}
		}
	}
	h := <-own
	for name, want := range map[string]string{"Authorization": "secret", "Cookie": "secret=1", "Host": "name.test", "Referer": addr + "/?q"} {
		if got := h.Get(name); got != want {
			t.Errorf("the page's origin was told %s: %q, want %q", name, got, want)
		}
	}
	if len(given) != 5 || len(given["Cookie"]) != 1 || given.Get("Cookie") != "secret=1" {
		t.Errorf("the caller's header was changed: %v", given)
	}
}

func TestPasswordInAddress(t *testing.T) {
	addr, rt := serve(t, site{"/": func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != "me" || p != "pw" {
			t.Errorf("asked by %q with %q", u, p)
		}
		htmlSays(`<iframe src="/?f"></iframe>`)(w, r)
	}})
	p := load(t, rt, strings.Replace(addr, "://", "://me:pw@", 1), Options{})
	for _, e := range p.Exchanges() {
		if strings.Contains(e.URL+urls(p)+p.URL, "pw") || e.Status != 200 {
			t.Errorf("%s: status %d, objects %s", e.URL, e.Status, urls(p))
		}
	}
}

func TestReferer(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{"http://a/x?y#z", "http://a/b", "http://a/x?y"},
		{"http://u:p@a/x", "http://a/b", "http://a/x"},
		{"http://a/x", "http://b/", "http://a/"},
		{"http://a/x", "https://a/", "http://a/"},
		{"https://a/x", "https://b/", "https://a/"},
		{"https://a/x", "http://a/", ""},
	} {
		from, _ := url.Parse(tt.from)
		to, _ := url.Parse(tt.to)
		if got := referer(from, to); got != tt.want {
			t.Errorf("referer(%s, %s) = %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
	if got := referer(nil, &url.URL{}); got != "" {
		t.Errorf("referer of the document: %q", got)
	}
}
