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
	where, rec, err := f.scene(args)
	if err != nil {
		return nil, err
	}
	w := &watched{client: c, recording: rec, seed: f.seed}
	loading, cancel := ctx, context.CancelFunc(func() {})
	if f.timeout > 0 {
		loading, cancel = context.WithTimeout(ctx, f.timeout)
	}
	defer cancel()
	src, cert, err := w.visit(loading, e, where, s, o)
	if err != nil {
		return nil, errors.Join(pageError(err), rec.discard())
	}
	src.end = rec.discard
	src.secrets = append(secrets, src.secrets...)
	src.failed = errors.Join(src.failed, f.late(cert))
	if where.link != "" {
		src.network = clientEnd
		src.notes = append([]string{where.link}, src.notes...)
	}
	return src, nil
}

// clientEnd is the interface of a lab's capture at its client.
const clientEnd = "client"

// scene is where the page is fetched, and what captures it.
func (f *explainFlags) scene(args []string) (place, recording, error) {
	if len(args) == 1 {
		rec, err := f.sniffing()
		return elsewhere(args[0]), rec, err
	}
	if f.profile == noProfile {
		rec, err := f.sniffing()
		return f.loopback(), rec, err
	}
	if err := lab.Rootless(); err != nil {
		return place{}, nil, err
	}
	p, err := f.link()
	if err != nil {
		return place{}, nil, err
	}
	c, err := f.labConfig(p)
	if err != nil {
		return place{}, nil, err
	}
	rec, err := newTapping()
	if err != nil {
		return place{}, nil, err
	}
	c.Tap = rec.capture.Tap
	return f.overLink(c, f.describe(p)), rec, nil
}

// A watched client is one whose packets are taken, and whose own account is kept.
type watched struct {
	client    *client
	recording recording
	seed      uint64

	keys keyLog

	mu      sync.Mutex
	records []*timeline.Exchange // guarded by mu
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

// visit fetches the page once and returns what is to be explained of it, and the
// certificate of the link, nil without one.
func (w *watched) visit(ctx context.Context, e *env, where place, s linger.Strategy, o page.Options) (*source, *lab.Certificate, error) {
	at, err := where.open()
	if err != nil {
		return nil, nil, err
	}
	t := w.transport(s)
	p, info, err := w.load(ctx, e, t, at, o)
	cert, failed := at.close()
	if err != nil || failed != nil {
		return nil, nil, errors.Join(err, failed)
	}
	path, defects, err := w.recording.finish()
	src := &source{name: at.url(), path: path, secrets: w.keys.text.Bytes(), defects: defects}
	src.client = newClientSide(w.records)
	if err != nil {
		src.untold(err, info)
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

// load loads the page, and waits until its last packet has come.
func (w *watched) load(ctx context.Context, e *env, t *linger.Transport, at site, o page.Options) (*page.Page, *kernelView, error) {
	done, err := at.visit(t, w.seed)
	if err != nil {
		return nil, nil, err
	}
	info := watchKernel(t)
	p, err := load(ctx, e, t, at.url(), o)
	info.finish()
	t.Close()
	if len(p.Exchanges()) == 0 && err != nil {
		return nil, nil, err
	}
	if _, err := done(ctx); err != nil && ctx.Err() == nil {
		return nil, nil, err
	}
	return p, info, nil
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
