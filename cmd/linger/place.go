package main

import (
	"context"
	"errors"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/origin"
	"github.com/lingerhttp/linger/report"
)

// Where a comparison takes place: at a URL, on loopback, or over an emulated link.

const (
	defaultProfile = "cable"
	noProfile      = "none"
)

// A place opens sites, each of which serves the page to one visitor at a time.
type place struct {
	open   func() (site, error)
	atOnce int    // how many sites may be open at once
	warmUp bool   // the first fetch of a site is not counted
	link   string // in one line; empty without an emulated link
}

// A site is where the page is.
type site interface {
	url() string

	// visit begins a fetch, fitting a Transport to the site, with a seed for what is
	// left to chance. What it returns ends the fetch, and says what passed.
	visit(t *linger.Transport, seed uint64) (done func(context.Context) (*report.Wire, error), err error)

	// record begins a capture of the packets of a visit that has begun.
	record() (recording, error)

	// close ends the site. The certificate is nil without an emulated link.
	close() (*lab.Certificate, error)
}

// A plainSite is reached by the network that is there.
type plainSite struct {
	address string
	srv     *origin.Server // nil at a URL
}

// elsewhere is the place of a URL.
func elsewhere(url string) place {
	open := func() (site, error) { return plainSite{address: url}, nil }
	return place{open: open, atOnce: 1, warmUp: true}
}

// loopback is the place of the built-in site without a link.
func (f *siteFlags) loopback() place {
	open := func() (site, error) {
		cfg, err := f.config()
		if err != nil {
			return nil, err
		}
		srv, err := origin.Start(cfg)
		if err != nil {
			return nil, err
		}
		return plainSite{srv.URL(), srv}, nil
	}
	return place{open: open, atOnce: 1, warmUp: true}
}

func (s plainSite) url() string { return s.address }

func (s plainSite) visit(t *linger.Transport, _ uint64) (func(context.Context) (*report.Wire, error), error) {
	trust(t, s.srv)
	return func(context.Context) (*report.Wire, error) { return nil, nil }, nil
}

func (s plainSite) close() (*lab.Certificate, error) {
	if s.srv == nil {
		return nil, nil
	}
	return nil, s.srv.Close()
}

// trust has a Transport trust a server that signed its own certificate.
func trust(t *linger.Transport, srv *origin.Server) {
	if srv != nil && srv.CertPool() != nil {
		t.TLSClientConfig = t.TLSClientConfig.Clone()
		t.TLSClientConfig.RootCAs = srv.CertPool()
	}
}

// A labSite is the built-in site behind an emulated link.
type labSite struct {
	lab *lab.Lab
	srv *origin.Server
	tap *labTap // nil if nothing is to be captured
}

// relayed is how many bits a second the labs that run beside each other may carry
// on a small machine without being late, and mostLabs how many they may be: in each
// a client and a server want a CPU, too.
const (
	relayed  = 40_000_000
	mostLabs = 3
)

// overLink is the place of the built-in site behind a link, on which packets may be
// captured or not.
func (f *siteFlags) overLink(c lab.Config, link string, captured bool) place {
	open := func() (site, error) {
		c, tap := c, (*labTap)(nil)
		if captured {
			tap = new(labTap)
			c.Tap = tap.take
		}
		cfg, err := f.config()
		if err != nil {
			return nil, err
		}
		l, err := lab.New(c)
		if err != nil {
			return nil, labError(err)
		}
		srv, err := serveIn(l, cfg, nil)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		return labSite{l, srv, tap}, nil
	}
	p := place{open: open, atOnce: 1, link: link}
	if rate := c.Up.Rate + c.Down.Rate; c.Up.Rate > 0 && c.Down.Rate > 0 {
		p.atOnce = int(min(max(1, relayed/rate), mostLabs))
	}
	return p
}

func (s labSite) url() string { return s.srv.URL() }

// stillness is how long the last packets of a fetch are waited for: what a page that
// was given up leaves in the queue of a slow link goes with the link.
const stillness = 10 * time.Second

// visit begins with new links, and ends when the last packet has arrived, so that
// all packets of the fetch are counted, and no others. No proxy can be reached.
func (s labSite) visit(t *linger.Transport, seed uint64) (func(context.Context) (*report.Wire, error), error) {
	trust(t, s.srv)
	t.DialContext, t.Proxy = s.lab.Client.DialContext, nil
	if err := s.lab.Renew(seed); err != nil {
		return nil, err
	}
	up, down := s.lab.Counts()
	return func(ctx context.Context) (*report.Wire, error) {
		within, cancel := context.WithTimeout(ctx, stillness)
		defer cancel()
		if err := s.lab.Quiet(within); err != nil && within.Err() == nil || ctx.Err() != nil {
			return nil, err
		}
		upNow, downNow := s.lab.Counts()
		return wireOf(upNow.Since(up), downNow.Since(down)), nil
	}, nil
}

func wireOf(up, down lab.Counts) *report.Wire {
	w := &report.Wire{
		PacketsUp: up.Packets, PacketsDown: down.Packets, BytesUp: up.Bytes, BytesDown: down.Bytes,
		Payload: up.Payload + down.Payload, Dropped: up.Drops() + down.Drops(),
	}
	if bytes := w.BytesUp + w.BytesDown; bytes > 0 {
		w.Overhead = 1 - float64(w.Payload)/float64(bytes)
	}
	return w
}

func (s labSite) close() (*lab.Certificate, error) {
	c := s.lab.Certificate()
	return &c, errors.Join(s.srv.Close(), s.lab.Close())
}
