// Package page loads a document and every object it names, as a browser's
// preload scanner does: while the document is still arriving, without running
// scripts, over any [http.RoundTripper].
//
// The story of a load, as a call tree:
//
//	Load                      resolves the address, makes the loader
//	└ loader.run              one object: the document here, each other one in
//	  │                       a goroutine of its own, all waited for
//	  ├ loader.follow         request and redirects, each hop an exchange
//	  └ loader.consume        the final body, as it arrives:
//	    ├ meter               counts the bytes received, holds MaxBytes
//	    ├ decode              gzip, br, zstd
//	    ├ tap                 hands each piece to the sink and the image ruler
//	    └ htmlFinder or       yields findings; before each read that might
//	      cssFinder           wait, loader.issue sends what was found, the
//	                          most urgent first
//
// What a page feels like comes out as [Moments], computed from the recorded
// times once everything has ended.
//
// # What is fetched, and where it differs from a browser
//
// The viewport is 1280 × 720 CSS pixels at 1 device pixel each, on a light
// screen. Nothing is laid out, so a url() of any rule that applies to this
// screen is fetched, and the first known format of each @font-face, where a
// browser fetches only what is used. Images with loading=lazy are fetched, late.
// The content of noscript is skipped, as in a browser that runs scripts; that of
// template and what scripts would add, too. URLs are read as UTF-8 whatever
// the document's character set. Cookies go wherever their domain and path
// allow, whatever SameSite says. Link fields of the response are not followed.
package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// A Page is what Load brought back.
type Page struct {
	// URL is the document's address after redirects, without a password; as it
	// was given if no final response came.
	URL string

	// Start is when Load was called.
	Start time.Time

	// Objects stand in the order of discovery; the first is the document.
	Objects []*Object

	// LeftOut counts the references to further objects that were met after
	// Options.MaxObjects was reached. The first of them is the last of Objects,
	// with an error that is ErrTooManyObjects.
	LeftOut int

	Moments Moments
}

// Exchanges returns every exchange of the page, redirects included, in the
// order of their start.
func (p *Page) Exchanges() []*timeline.Exchange {
	var all []*timeline.Exchange
	for _, o := range p.Objects {
		for _, h := range o.Hops {
			if h.Exchange != nil {
				all = append(all, h.Exchange)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *timeline.Exchange) int { return a.Start.Compare(b.Start) })
	return all
}

// Load fetches the document at url and every object it names through rt, and
// returns when all have ended. The page is never nil.
//
// The error is an *Error, and only there if nothing could be begun (a URL
// without a host, or of another scheme than http and https) or ctx ended
// before the page was complete. Everything else that fails is in the Err of
// its object: a document that failed in that of Objects[0].
func Load(ctx context.Context, rt http.RoundTripper, url string, o Options) (*Page, error) {
	l := newLoader(ctx, rt, o)
	u, err := parseAddress(url)
	if err != nil {
		l.page.URL = shorten(url)
		err = &Error{URL: l.page.URL, Step: StepURL, Err: err}
		l.page.Objects = []*Object{{URL: l.page.URL, Kind: Document, Err: err}}
		l.page.Moments = never
		return l.page, err
	}
	l.origin = u
	address, _, _ := strings.Cut(printable(u), "#")
	document := &task{url: u, Object: &Object{URL: address, Kind: Document}, urgency: urgencyDocument}
	l.begin(document)
	l.run(document)
	l.wait()
	l.tellLeftOut()
	l.page.Moments = moments(l.page.Start, l.tasks, ctx.Err() != nil)
	return l.page, l.endedEarly(document)
}

// tellLeftOut completes the error of the first object that found the page full.
func (l *loader) tellLeftOut() {
	if l.page.LeftOut == 0 {
		return
	}
	first := l.tasks[len(l.tasks)-1]
	first.Err = &Error{URL: first.URL, Step: StepFind, Err: fmt.Errorf(
		"%w: %d at most, and %d references to further ones left out", ErrTooManyObjects, l.maxObjects(), l.page.LeftOut)}
}

// endedEarly is the error of a context that ended before the page did.
func (l *loader) endedEarly(document *task) error {
	ended := l.ctx.Err()
	if ended == nil || !slices.ContainsFunc(l.tasks, func(t *task) bool { return t.Err != nil }) {
		return nil
	}
	cause := context.Cause(l.ctx)
	if !errors.Is(cause, ended) {
		cause = fmt.Errorf("%w: %w", ended, cause)
	}
	return &Error{URL: document.URL, Step: StepLoad, Err: cause}
}
