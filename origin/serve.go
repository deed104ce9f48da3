package origin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// stock renders the site for the server's origins.
func (s *Server) stock() error {
	second := ""
	if len(s.bases) > 1 {
		second = s.bases[1]
	}
	var err error
	if s.objects, err = s.site.Objects(second); err != nil {
		return err
	}
	s.byPath = make(map[string]Object)
	for _, o := range append(s.Objects(), s.site.Alternates(second)...) {
		s.byPath[o.Path] = o
	}
	return nil
}

// find returns the object that has this path on this origin.
func (s *Server) find(origin int, path string) (Object, bool) {
	if s.site.dir != "" {
		return findFile(s.site.dir, path)
	}
	o, ok := s.byPath[path]
	return o, ok && o.Origin == origin
}

// ServeHTTP answers a request as the faults would have it. It is called by the
// HTTP server.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.handling.Done()
	s.counts.add(func(c *Stats) { c.Requests++ })
	c := connOf(r)
	nth, kth := c.exchanges.Add(1), int64(0)
	if s.faults.matches(r.URL.Path) {
		kth = s.matched.Add(1)
	}
	p := s.faults.plan(r.URL.Path, nth, kth)
	if pauseFor(r.Context(), p.think) != nil {
		panic(http.ErrAbortHandler)
	}
	if p.breaks.wordless() {
		misanswer(w, r, p.breaks)
		return
	}
	a := &answer{ResponseWriter: w, request: r, conn: c, plan: p, left: -1}
	if p.http10 {
		old, err := newOldAnswer(w, r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer old.close()
		a.ResponseWriter = old
	}
	s.answer(a, r)
	a.finish()
}

// enter counts a request in, unless the server is closing.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.handling.Add(1)
	return true
}

// pauseFor waits for d, unless ctx ends first.
func pauseFor(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer writes what a healthy server would. A request that is neither GET nor
// HEAD is read to its end and told how long it was.
func (s *Server) answer(a *answer, r *http.Request) {
	if a.plan.breaks == RedirectLoop {
		http.Redirect(a, r, r.URL.RequestURI(), http.StatusFound)
		return
	}
	o, ok := s.find(a.conn.gate.origin, r.URL.Path)
	switch {
	case !ok:
		http.NotFound(a, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		o.serve(a, r)
	default:
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(a, err.Error(), http.StatusBadRequest)
			return
		}
		text := fmt.Sprintf("%s of %d bytes\n", r.Method, n)
		a.Header().Set("Content-Type", "text/plain; charset=utf-8")
		a.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = io.WriteString(a, text)
	}
}

// serve writes the object, compressed if the client takes that. A range is of
// the object as it is.
func (o Object) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // fonts are fetched so from another origin
	if o.Type != "" {
		h.Set("Content-Type", o.Type)
	}
	if o.zipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Values("Accept-Encoding")) && r.Header.Get("Range") == "" {
			o.serveZipped(w, r)
			return
		}
	}
	body, err := o.Open()
	if err != nil {
		http.Error(w, "the file cannot be opened", http.StatusInternalServerError)
		return
	}
	defer body.Close()
	http.ServeContent(w, r, o.Path, time.Time{}, body)
}

func (o Object) serveZipped(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Length", strconv.Itoa(len(o.zipped)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(o.zipped)
	}
}

// takesGzip reports whether the client accepts gzip (RFC 9110 §12.5.3): by name
// or by "*", with a weight above 0.
func takesGzip(fields []string) bool {
	takes := false
	for element := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		name, parameter, _ := strings.Cut(element, ";")
		coding := strings.ToLower(strings.TrimSpace(name))
		if coding != "gzip" && coding != "x-gzip" && coding != "*" {
			continue
		}
		weight, isWeight := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		wanted := !isWeight || err == nil && q > 0
		if coding != "*" {
			return wanted // its own name says more than "*"
		}
		takes = wanted
	}
	return takes
}
