package page

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Options say how a page is loaded. The zero value works; Load does not write
// to it.
type Options struct {
	// Header is added to every request and wins over what Load would send.
	// Host, Authorization, Proxy-Authorization and Cookie go to the origin of
	// the URL given to Load alone, and to its https twin. Default: none.
	Header http.Header

	// NoObjects fetches the document alone. Default: its objects too.
	NoObjects bool

	// MaxObjects bounds the objects of the page, the document included.
	// Default (zero or less): 10,000. See Page.LeftOut.
	MaxObjects int

	// MaxBytes bounds the bytes of all bodies together, as received, before
	// content decoding. Objects that are unfinished when it is reached fail
	// with ErrTooManyBytes. Default (zero or less): 64 GiB.
	MaxBytes int64

	// MaxRedirects bounds the redirects of each object. Default (zero): 10;
	// negative: none is followed, and one is an error.
	// RFC 9110 §15.4: "A client SHOULD detect and intervene in cyclical
	// redirections".
	MaxRedirects int

	// Frames is how many levels of iframe are fetched and scanned.
	// A srcdoc is part of its document. Default (zero): 1; negative: none.
	Frames int

	// Sink says where the decoded content of an object goes. It is called
	// once for each object whose final response has come, whatever its status,
	// in the goroutine that loads the object: several may run at once. A nil
	// writer drops the content. Default (nil): all content is dropped.
	Sink func(*Object) (io.WriteCloser, error)

	// Progress is called as things happen, never twice at once. It holds up
	// the load, so it must be quick, and must not call Load's other callbacks.
	// It may read Event.Object during the call. Default (nil): nobody is told.
	Progress func(Event)

	// Now is the clock. It is called from many goroutines. Default (nil):
	// time.Now.
	Now func() time.Time

	// Jar keeps cookies. Default (nil): a fresh cookiejar that knows the
	// public suffixes, dropped after the load.
	Jar http.CookieJar
}

func (o *Options) maxObjects() int {
	if o.MaxObjects <= 0 {
		return 10_000
	}
	return o.MaxObjects
}

func (o *Options) maxBytes() int64 {
	if o.MaxBytes <= 0 {
		return 64 << 30
	}
	return o.MaxBytes
}

func (o *Options) maxRedirects() int {
	if o.MaxRedirects == 0 {
		return 10
	}
	return max(o.MaxRedirects, 0)
}

func (o *Options) frames() int {
	if o.Frames == 0 {
		return 1
	}
	return max(o.Frames, 0)
}

func (o *Options) now() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

func (o *Options) jar() http.CookieJar {
	if o.Jar != nil {
		return o.Jar
	}
	jar, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // the error is always nil
	return jar
}
