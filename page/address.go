package page

import (
	"errors"
	"net/url"
	"strings"
)

// maxURL is the longest URL that is followed. RFC 9110 §4.1: "It is RECOMMENDED
// that all senders and recipients support, at a minimum, URIs with lengths of
// 8000 octets". A page may name thousands.
const maxURL = 8 << 10

var dropped = strings.NewReplacer("\t", "", "\n", "", "\r", "")

var errURLTooLong = errors.New("the URL is longer than 8 KiB")

// parseAddress reads the URL that a person gave.
func parseAddress(s string) (*url.URL, error) {
	u, err := parseReference(dropped.Replace(strings.TrimSpace(s)))
	if err != nil {
		return nil, err
	}
	switch {
	case u.Scheme == "":
		return nil, errors.New("no scheme; it should begin with http:// or https://")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("scheme " + u.Scheme + " is not http or https")
	case u.Hostname() == "":
		return nil, errors.New("no host")
	}
	return normalize(u), nil
}

// resolve makes a reference of a document absolute, without fragment. It
// returns nil without an error if there is nothing to fetch: an empty
// reference, a fragment, or another scheme (data:, blob:, javascript:, about:).
func resolve(base *url.URL, ref string) (*url.URL, error) {
	u, err := resolveKeepingFragment(base, ref)
	if u != nil {
		u.Fragment, u.RawFragment = "", ""
	}
	return u, err
}

func resolveKeepingFragment(base *url.URL, ref string) (*url.URL, error) {
	ref = strings.TrimFunc(ref, func(r rune) bool { return r <= ' ' })
	ref = dropped.Replace(ref) // first, since a "java\tscript:" is no reference
	if ref == "" || ref[0] == '#' {
		return nil, nil
	}
	if s := scheme(ref); s != "" && s != "http" && s != "https" {
		return nil, nil
	}
	if len(ref) > maxURL {
		return nil, errURLTooLong
	}
	u, err := parseReference(ref)
	if err != nil {
		return nil, err
	}
	u = base.ResolveReference(u)
	if u.Hostname() == "" {
		return nil, errors.New("no host")
	}
	if len(u.Host)+len(u.EscapedPath())+len(u.RawQuery) > maxURL { // a long base makes a long URL
		return nil, errURLTooLong
	}
	return normalize(u), nil
}

// parseReference reads a URL as forgivingly as browsers do (URL Standard §4.4): a
// backslash is a slash, and what cannot stand in a URL is percent-encoded.
func parseReference(ref string) (*url.URL, error) {
	path, rest := ref, ""
	if i := strings.IndexAny(ref, "?#"); i >= 0 {
		path, rest = ref[:i], ref[i:]
	}
	u, err := url.Parse(encode(strings.ReplaceAll(path, `\`, "/")) + encode(rest))
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return nil, wrapped.Err // the caller says which URL
	}
	return u, err
}

// encode percent-encodes what url.Parse refuses or would put on the wire raw:
// control bytes, spaces, quotes, bytes beyond ASCII and stray percent signs.
func encode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>`{}|", c) >= 0,
			c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])):
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// scheme returns the scheme that a reference begins with, in lower case; "" if
// it is relative.
func scheme(ref string) string {
	for i := 0; i < len(ref); i++ {
		switch c := ref[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return strings.ToLower(ref[:i])
		default:
			return ""
		}
	}
	return ""
}

// normalize writes the same address the same way, so that it is fetched once:
// host in lower case, no default port, no empty path.
func normalize(u *url.URL) *url.URL {
	u.Host = strings.ToLower(u.Host)
	if port := u.Port(); port == defaultPort(u.Scheme) || port == "" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// printable is how an address stands in reports: without password.
func printable(u *url.URL) string {
	if u.User == nil {
		return u.String()
	}
	c := *u
	c.User = nil
	return c.String()
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
