package page

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"

	"github.com/lingerhttp/linger/timeline"
)

// A reply is a response whose head has come and whose body has not been read.
type reply struct {
	*http.Response
	url      *url.URL  // that it came from
	recorder *recorder // nil if the RoundTripper keeps timelines itself
}

// follow sends the request of an object and follows redirects up to the final
// response.
func (l *loader) follow(t *task) (*reply, error) {
	u := t.url
	chain := []string{t.URL}
	visited := make(map[string]bool)
	for {
		resp, req, err := l.exchange(t, u)
		if err != nil {
			return nil, &Error{URL: printable(u), Step: StepRequest, Err: err}
		}
		next, err := redirect(resp)
		if err != nil {
			l.end(t, resp, nil)
			return nil, &Error{URL: printable(u), Step: StepRedirect, Err: err}
		}
		if next == nil {
			return resp, nil
		}
		t.Hops[len(t.Hops)-1].Location = printable(next)
		l.drain(t, resp)
		chain = append(chain, printable(next))
		// The same URL with the same cookies gives the same answer; with other
		// cookies it may be how a site checks that they are kept.
		visited[chain[len(chain)-2]+"\n"+req.Header.Get("Cookie")] = true
		again := l.request(l.ctx, t, next)
		switch {
		case visited[chain[len(chain)-1]+"\n"+again.Header.Get("Cookie")]:
			err = ErrRedirectLoop
		case len(chain)-1 > l.maxRedirects():
			err = ErrTooManyRedirects
		}
		if err != nil {
			return nil, &Error{URL: t.URL, Step: StepRedirect, Err: &RedirectError{Chain: chain, Err: err}}
		}
		u = next
	}
}

// exchange makes one hop, up to the head of its response.
func (l *loader) exchange(t *task, u *url.URL) (*reply, *http.Request, error) {
	ctx := l.ctx
	req := l.request(ctx, t, u)
	rec := l.foreign.record(req.Method, printable(u))
	if rec != nil {
		req = req.WithContext(httptrace.WithClientTrace(ctx, rec.trace()))
	}
	if err := l.mayRequest(t); err != nil {
		return nil, req, err
	}
	t.Hops = append(t.Hops, Hop{Request: req.Header.Clone()})
	if rec != nil {
		rec.begin(l.now())
	}
	l.takeTurn(t)
	resp, err := l.rt.RoundTrip(req)
	hop := &t.Hops[len(t.Hops)-1]
	if err != nil {
		if hop.Exchange = timeline.OfError(err); hop.Exchange == nil && rec != nil {
			hop.Exchange = rec.finish(l.now(), err)
		}
		return nil, req, err
	}
	hop.Response = resp.Header.Clone()
	if cookies := resp.Cookies(); len(cookies) > 0 {
		l.jar.SetCookies(req.URL, cookies)
	}
	if timeline.Of(resp) != nil {
		l.foreign.isOurs()
		rec = nil
	} else if rec != nil {
		rec.response(l.now(), resp)
	}
	return &reply{Response: resp, url: u, recorder: rec}, req, nil
}

// mayRequest waits for the object's turn, and says why it is not requested if
// it is not.
func (l *loader) mayRequest(t *task) error {
	if t.turn != nil {
		<-t.turn
	}
	err := l.ctx.Err()
	if err == nil && l.received.Load() > l.maxBytes() {
		err = ErrTooManyBytes
	}
	if err != nil && t.turn != nil {
		l.passTurn(t)
	}
	return err
}

// takeTurn tells that the object is requested now and lets the next one do the
// same. Later hops of an object take no turns.
func (l *loader) takeTurn(t *task) {
	l.tell(Requested, t.Object, 0)
	if t.turn != nil {
		l.passTurn(t)
	}
}

func (l *loader) passTurn(t *task) {
	t.turn = nil
	close(t.requested)
}

// redirect returns where a response leads, nil if it is the final one.
func redirect(resp *reply) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, nil
	}
	next, err := resolveKeepingFragment(resp.url, location)
	if err == nil && next == nil {
		if location[0] != '#' {
			return nil, errors.New("Location leads to another scheme than http and https: " + shorten(location))
		}
		same := *resp.url
		next, same.Fragment = &same, location[1:]
	}
	if err != nil {
		return nil, err
	}
	// RFC 9110 §10.2.2: "If the Location value provided in a 3xx response does
	// not have a fragment component, a user agent MUST process the redirection
	// as if the value inherits the fragment component of the URI reference used
	// to generate the target URI."
	if next.Fragment == "" {
		next.Fragment, next.RawFragment = resp.url.Fragment, resp.url.RawFragment
	}
	return next, nil
}

// maxDrained is how much of a redirect's body is read so that its connection
// can be used again.
const maxDrained = 256 << 10

func (l *loader) drain(t *task, resp *reply) {
	_, err := io.Copy(io.Discard, io.LimitReader(&meter{loader: l, task: t, body: resp.Body}, maxDrained))
	l.end(t, resp, err)
}

// end closes the body and keeps the record of the exchange, which is complete
// now.
func (l *loader) end(t *task, resp *reply, err error) {
	resp.Body.Close()
	hop := &t.Hops[len(t.Hops)-1]
	if resp.recorder != nil {
		hop.Exchange = resp.recorder.finish(l.now(), err)
	} else {
		hop.Exchange = timeline.Of(resp.Response)
	}
}
