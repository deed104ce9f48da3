package page

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Urgencies of RFC 9218 §4.1: 0 is the most urgent, 3 the default.
const (
	urgencyDocument = 0 // and style sheets that apply
	urgencyScript   = 1 // and fonts
	urgencyFrame    = 2
	urgencyImage    = 3
	urgencyLate     = 4 // posters, media, icons, lazy images, sheets for other screens
)

const (
	acceptDocument = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	acceptStyle    = "text/css,*/*;q=0.1"
	// No AVIF: its size could not be told.
	acceptImage = "image/webp,image/svg+xml,image/*,*/*;q=0.8"
)

func accept(k Kind) string {
	switch k {
	case Document, Frame:
		return acceptDocument
	case Style:
		return acceptStyle
	case Image, Icon:
		return acceptImage
	}
	return "*/*"
}

// request makes the request for one hop of an object.
func (l *loader) request(ctx context.Context, t *task, u *url.URL) *http.Request {
	target := *u
	target.User, target.Fragment, target.RawFragment = nil, "", ""
	req := (&http.Request{
		Method: http.MethodGet, URL: &target, Header: make(http.Header),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: target.Host,
	}).WithContext(ctx)
	l.addHeader(req, u)
	setDefault(req.Header, "User-Agent", "linger")
	setDefault(req.Header, "Accept", accept(t.Kind))
	setDefault(req.Header, "Accept-Encoding", acceptEncoding)
	if t.urgency != urgencyImage { // RFC 9218 §4.1: "The default is 3."
		setDefault(req.Header, "Priority", fmt.Sprintf("u=%d", t.urgency))
	}
	if r := referer(t.referrer, u); r != "" {
		setDefault(req.Header, "Referer", r)
	}
	for _, c := range l.jar.Cookies(&target) {
		req.AddCookie(c)
	}
	if password, ok := u.User.Password(); ok || u.User != nil {
		if req.Header.Get("Authorization") == "" {
			req.SetBasicAuth(u.User.Username(), password)
		}
	}
	return req
}

// addHeader adds Options.Header, without what another host must not learn.
func (l *loader) addHeader(req *http.Request, u *url.URL) {
	trusted := sameOrigin(l.origin, u) || upgraded(l.origin, u)
	for name, values := range l.Header {
		switch name = http.CanonicalHeaderKey(name); name {
		case "Host":
			if trusted && len(values) > 0 {
				req.Host = values[0]
			}
			continue
		case "Authorization", "Proxy-Authorization", "Cookie":
			if !trusted {
				continue
			}
		}
		req.Header[name] = append([]string(nil), values...)
	}
}

// upgraded says that to is the https twin of from, where a site usually
// redirects at once.
func upgraded(from, to *url.URL) bool {
	return from.Scheme == "http" && to.Scheme == "https" && from.Host == to.Host && to.Port() == ""
}

func setDefault(h http.Header, name, value string) {
	if _, given := h[name]; !given {
		h.Set(name, value)
	}
}

// referer follows strict-origin-when-cross-origin, the default of Referrer
// Policy §3.7: the whole URL within an origin, the origin alone to others,
// nothing from https to http.
func referer(from, to *url.URL) string {
	switch {
	case from == nil || from.Scheme == "https" && to.Scheme == "http":
		return ""
	case sameOrigin(from, to):
		whole, _, _ := strings.Cut(printable(from), "#")
		return whole
	}
	return from.Scheme + "://" + from.Host + "/"
}
