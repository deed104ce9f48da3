package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// Fetching a page under capture, for linger explain. What is captured goes to a file
// first: keys of TLS, and which connections were the client's, are known for certain
// only afterwards.

// fetch fetches the page and returns what there is to be explained of it.
func (f *explainFlags) fetch(ctx context.Context, e *env, args []string, secrets []byte) (*source, error) {
	s, err := f.strategy(f.strategyName)
	if err != nil {
		return nil, err
	}
	c, err := f.client()
	if err != nil {
		return nil, err
	}
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	where, err := f.scene(args)
	if err != nil {
		return nil, err
	}
	w := &watched{client: c, must: f.pcapng != ""}
	loading, cancel := ctx, context.CancelFunc(func() {})
	if f.timeout > 0 {
		loading, cancel = context.WithTimeout(ctx, f.timeout)
	}
	defer cancel()
	src, cert, err := w.fetch(loading, e, where, f.seed, s, o)
	if err != nil {
		return nil, pageError(err)
	}
	src.secrets = append(secrets, src.secrets...)
	src.failed = errors.Join(src.failed, f.late(cert))
	if where.link != "" {
		src.notes = append([]string{where.link}, src.notes...)
	}
	if f.both {
		if err := src.withBoth(ctx, []string{src.path}); err != nil {
			return nil, errors.Join(err, src.close())
		}
	}
	return src, nil
}

// scene is where the page is fetched.
func (f *explainFlags) scene(args []string) (place, error) {
	if len(args) == 1 {
		return elsewhere(args[0]), nil
	}
	if f.profile == noProfile {
		return f.loopback(), nil
	}
	if err := lab.Rootless(); err != nil {
		return place{}, err
	}
	p, err := f.link()
	if err != nil {
		return place{}, err
	}
	c, err := f.labConfig(p)
	return f.overLink(c, f.describe(p), true), err
}

// A watched client is one whose packets are taken in one visit of a page, and whose own
// account of it is kept.
type watched struct {
	client *client
	must   bool // packets are needed: where they cannot be captured, begin fails

	recording recording // from begin on
	keys      keyLog

	mu      sync.Mutex
	records []*timeline.Exchange // guarded by mu
}

// begin begins the capture, when the visit has begun.
func (w *watched) begin(at site) (err error) {
	w.recording, err = at.record()
	need := needOf(err)
	switch {
	case need != "" && w.must:
		return explainError{fmt.Errorf("packets cannot be captured: %w", err), need}
	case need != "":
		w.recording = silence{err}
		return nil
	}
	return err
}

// silent is why no packets are captured; nil if they are.
func (w *watched) silent() error {
	if s, is := w.recording.(silence); is {
		return s.why
	}
	return nil
}

// end ends the capture, and returns what is to be explained.
func (w *watched) end(name string) (*source, error) {
	path, defects, err := w.recording.finish()
	src := &source{name: name, path: path, secrets: w.keys.text.Bytes(), defects: defects,
		network: w.recording.network(), end: w.recording.discard}
	src.client = newClientSide(w.records)
	if err != nil && w.silent() == nil {
		return nil, errors.Join(err, src.close())
	}
	return src, nil
}

// A keyLog takes the secrets of TLS in.
type keyLog struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write implements io.Writer for tls.Config.KeyLogWriter.
func (k *keyLog) Write(line []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(line)
}

// transport makes a Transport that tells all it knows.
func (w *watched) transport(s linger.Strategy) *linger.Transport {
	t := w.client.transport(s)
	t.TLSClientConfig = t.TLSClientConfig.Clone()
	t.TLSClientConfig.KeyLogWriter = &w.keys
	t.Observe = w.observe
	t.Resolve = w.lookUp
	return t
}

func (w *watched) observe(x *timeline.Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, x)
}

// lookUp tells the recording of addresses before anything is sent there.
func (w *watched) lookUp(ctx context.Context, host, port string) ([]netip.AddrPort, error) {
	addrs, err := w.client.lookUp(ctx, host, port)
	w.recording.expect(addrs)
	return addrs, err
}

// fetch fetches the page once and returns what is to be explained of it, and the
// certificate of the link, nil without one.
func (w *watched) fetch(ctx context.Context, e *env, where place, seed uint64, s linger.Strategy, o page.Options) (*source, *lab.Certificate, error) {
	at, err := where.open()
	if err != nil {
		return nil, nil, err
	}
	t := w.transport(s)
	p, src, err := w.visit(ctx, e, t, at, seed, o)
	cert, failed := at.close()
	if err != nil || failed != nil {
		return nil, nil, errors.Join(err, failed)
	}
	if cert != nil {
		for _, d := range cert.Defects {
			src.defects = append(src.defects, "The link was late: "+d+".")
		}
	}
	r := reportOf(p, s.Name)
	if len(r.Failures) > 0 {
		src.failed = errReported
		src.defects = append(src.defects, failureSentences(r.Failures)...)
	}
	return src, cert, nil
}

// visit loads the page, and takes its packets until the last has come.
func (w *watched) visit(ctx context.Context, e *env, t *linger.Transport, at site, seed uint64, o page.Options) (*page.Page, *source, error) {
	done, err := at.visit(t, seed)
	if err != nil {
		return nil, nil, err
	}
	if err := w.begin(at); err != nil {
		return nil, nil, err
	}
	var kernel *kernelView
	if w.silent() != nil {
		kernel = watchKernel(t)
	}
	p, err := load(ctx, e, t, at.url(), o)
	kernel.finish()
	t.Close()
	if _, left := done(ctx); left != nil && ctx.Err() == nil {
		err = errors.Join(err, left)
	}
	src, failed := w.end(at.url())
	if failed != nil {
		return nil, nil, failed
	}
	if len(p.Exchanges()) == 0 && err != nil {
		return nil, nil, errors.Join(err, src.close())
	}
	if why := w.silent(); why != nil {
		src.untold(why, kernel)
	}
	return p, src, nil
}

// failureSentences say which objects did not come.
func failureSentences(all []report.Failure) []string {
	var sentences []string
	for _, f := range all[:min(len(all), maxTold)] {
		text := fmt.Sprintf("%s did not come: %s", f.URL, f.Error)
		if f.Hint != "" {
			text += " (" + f.Hint + ")"
		}
		if !slices.Contains(sentences, text+".") {
			sentences = append(sentences, text+".")
		}
	}
	if more := len(all) - maxTold; more > 0 {
		sentences = append(sentences, fmt.Sprintf("%d more did not come.", more))
	}
	return sentences
}
