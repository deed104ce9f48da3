package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/origin"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/report"
)

// compareFlags are the flags of linger compare.
type compareFlags struct {
	clientFlags
	siteFlags
	strategies []string
	rounds     int
	html       string
	json       bool
}

// How often a page is fetched with each strategy unless told otherwise. From 6
// rounds on a median has a confidence interval of 95 %. Another's server is
// spared.
const (
	roundsElsewhere = 10
	roundsBuiltIn   = 30
)

func compareCommand() *command {
	f := &compareFlags{}
	fs := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	fs.StringSliceVar(&f.strategies, "strategies", nil, "compare these, `A,B,...`; the first is what ratios stand against (default: all six)")
	fs.IntVarP(&f.rounds, "rounds", "n", 0, "fetch the page this often with each strategy, in turn (default: 10, the built-in site 30)")
	fs.StringVar(&f.html, "html", "", "write the comparison as one HTML `FILE`")
	fs.BoolVar(&f.json, "json", false, "print one JSON object instead of text")
	f.clientFlags.register(fs)
	f.siteFlags.register(fs)
	return &command{
		name:  "compare",
		args:  "[URL]",
		short: "Fetch a page under several strategies and say which is faster, and why",
		long: `
Without a URL it serves the built-in site itself; --site, --tls and --fault are
for that. Each fetch begins without a connection. One fetch that is not counted
goes first. Times are medians with a 95 % confidence interval; ~ marks a
difference that may be chance (Mann-Whitney U test, p ≥ 0.05).

` + faultTable(),
		flags: fs,
		run:   f.run,
	}
}

func (f *compareFlags) run(ctx context.Context, e *env, args []string) error {
	m, err := f.plan(args)
	if err != nil {
		return err
	}
	html, err := create(f.html)
	if err != nil {
		return err
	}
	if m.url == "" {
		srv, err := f.serve(m)
		if err != nil {
			return err
		}
		defer srv.Close()
	}
	if err := m.measure(ctx, e); err != nil {
		return pageError(err)
	}
	c := comparisonOf(m)
	if err := writeFile(html, c.WriteHTML); err != nil {
		return err
	}
	if err := f.show(e, c); err != nil {
		return err
	}
	return m.tell(e.stderr)
}

func (f *compareFlags) show(e *env, c *report.Comparison) error {
	if f.json {
		return c.WriteJSON(e.stdout)
	}
	return c.WriteText(e.stdout, e.out)
}

// A measurement is what a comparison will do and, later, what it saw.
type measurement struct {
	client     *client
	options    page.Options
	flags      *compareFlags
	strategies []linger.Strategy
	site, url  string
	times      int            // how often each strategy fetches the page
	rounds     [][]*page.Page // by strategy
}

// plan turns flags into a measurement.
func (f *compareFlags) plan(args []string) (*measurement, error) {
	m := &measurement{flags: f}
	switch {
	case len(args) > 1:
		return nil, usagef("want one URL, or none for the built-in site")
	case len(args) == 1 && (f.tls || f.faults.String() != "" || f.site != "modern"):
		return nil, usagef("--site, --tls and --fault are for the built-in site: leave out the URL")
	case len(args) == 1:
		m.url, m.site = webAddress(args[0]), args[0]
	}
	if f.rounds < 0 {
		return nil, usagef("--rounds counts from 1")
	}
	m.times = cmp.Or(f.rounds, roundsElsewhere)
	if m.url == "" {
		m.times = cmp.Or(f.rounds, roundsBuiltIn)
	}
	var err error
	if m.client, err = f.client(); err != nil {
		return nil, err
	}
	if m.options, err = f.options(); err != nil {
		return nil, err
	}
	names := f.strategies
	if len(names) == 0 {
		for _, s := range linger.Strategies() {
			names = append(names, s.Name)
		}
	}
	for _, name := range names {
		s, err := f.strategy(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		m.strategies = append(m.strategies, s)
	}
	return m, nil
}

// serve starts the built-in site and points the measurement at it.
func (f *compareFlags) serve(m *measurement) (*origin.Server, error) {
	cfg, err := f.config()
	if err != nil {
		return nil, err
	}
	srv, err := origin.Start(cfg)
	if err != nil {
		return nil, err
	}
	m.site, m.url = cfg.Site.Name, srv.URL()
	if f.tls {
		m.client.tls.RootCAs = srv.CertPool()
	}
	return srv, nil
}

// measure fetches the page, in rounds of all strategies. Each round begins with
// another one, so that none always follows the same.
func (m *measurement) measure(ctx context.Context, e *env) error {
	n := len(m.strategies)
	m.rounds = make([][]*page.Page, n)
	if e.live {
		defer report.ClearLive(e.stderr)
	}
	if _, err := m.fetch(ctx, 0); err != nil {
		return err
	}
	for round := range m.times {
		for i := range n {
			at := (round + i) % n
			if e.live {
				fmt.Fprintf(e.stderr, "\r\x1b[Kround %d of %d: %s", round+1, m.times, m.strategies[at].Name)
			}
			p, err := m.fetch(ctx, at)
			if err != nil {
				return err
			}
			m.rounds[at] = append(m.rounds[at], p)
		}
	}
	return nil
}

// fetch loads the page once, on new connections. The error is of what stops the
// measurement: objects that failed are in the page.
func (m *measurement) fetch(ctx context.Context, at int) (*page.Page, error) {
	if m.flags.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.flags.timeout)
		defer cancel()
	}
	t := m.client.transport(m.strategies[at])
	defer t.Close()
	p, err := page.Load(ctx, t, m.url, m.options)
	if err != nil && len(p.Exchanges()) > 0 && context.Cause(ctx) == context.DeadlineExceeded {
		return p, nil // --timeout: its objects have failed, and say so
	}
	return p, err
}

// tell prints what failed, each thing once with the strategies that met it, and
// returns errReported if anything did.
func (m *measurement) tell(w io.Writer) error {
	var things []report.Failure
	met := make(map[report.Failure][]string)
	for i, pages := range m.rounds {
		for _, f := range failuresOf(pages) {
			if met[f] == nil {
				things = append(things, f)
			}
			if name := m.strategies[i].Name; !slices.Contains(met[f], name) {
				met[f] = append(met[f], name)
			}
		}
	}
	for _, f := range things[:min(len(things), maxTold)] {
		fmt.Fprintf(w, "linger compare: %s: %s (%s)\n", f.URL, f.Error, strings.Join(met[f], ", "))
		if f.Hint != "" {
			fmt.Fprintf(w, "  hint: %s\n", f.Hint)
		}
	}
	if more := len(things) - maxTold; more > 0 {
		fmt.Fprintf(w, "and %d more, which linger get shows\n", more)
	}
	if len(things) > 0 {
		return errReported
	}
	return nil
}

func failuresOf(pages []*page.Page) []report.Failure {
	var all []report.Failure
	for _, p := range pages {
		for _, o := range p.Objects {
			if o.Err != nil {
				all = append(all, failureOf(o))
			}
		}
	}
	return all
}

// maxTold is how many failures are printed.
const maxTold = 20
