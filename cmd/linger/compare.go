package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/report"
)

// compareFlags are the flags of linger compare.
type compareFlags struct {
	clientFlags
	siteFlags
	linkFlags
	strategies []string
	rounds     int
	sweep      string
	explain    bool
	html       string
	json       bool
}

// How often a page is fetched with each strategy unless told otherwise. From 6
// rounds on a median has a confidence interval of 95 %. Another's server is
// spared; on an emulated link a fetch takes seconds, and rounds differ little.
const (
	roundsElsewhere = 10
	roundsLoopback  = 30
	roundsLink      = 6
	roundsSweep     = 4
)

func compareCommand() *command {
	f := &compareFlags{}
	fs := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	fs.StringSliceVar(&f.strategies, "strategies", nil, "compare these, `A,B,...`; the first is what ratios stand against (default: all six)")
	fs.IntVarP(&f.rounds, "rounds", "n", 0, "fetch the page this often with each strategy, in turn (default: 6 over a link, 10 from a URL)")
	fs.StringVar(&f.sweep, "sweep", "", "compare over each link of a grid: `PARAMETER=VALUES[,...]`, such as rtt=20ms..300ms,down=1mbit..100mbit")
	fs.BoolVar(&f.explain, "explain", false, "say from packets, too, what each strategy spends on which cause")
	fs.StringVar(&f.html, "html", "", "write the comparison as one HTML `FILE`")
	fs.BoolVar(&f.json, "json", false, "print one JSON object instead of text")
	f.clientFlags.register(fs)
	f.siteFlags.register(fs)
	f.linkFlags.register(fs, defaultProfile)
	return &command{
		name:  "compare",
		args:  "[URL]",
		short: "Fetch a page under several strategies and say which is faster, and why",
		long: `
Without a URL it serves the built-in site itself, across an emulated link: that
of --profile, or what the flags of a link make of it. --profile none does
without, on loopback, where there is no round trip and every strategy looks
alike. --site, --tls and --fault are for the built-in site. Each fetch begins
without a connection, and each strategy of a round with the same seed. Times are
medians with a 95 % confidence interval; ~ marks a difference that may be chance
(Mann-Whitney U test, p ≥ 0.05).

With --explain the packets of each fetch are captured, at the client's end of
the link or, as root or with CAP_NET_RAW, on this host, and the time of all
exchanges is told by its causes, as linger explain tells it.

--sweep takes one or two parameters of rtt, down, up and loss; VALUES is a range
A..B, in 4 steps, A..B/N in N, or a list A:B:C. Of twenty links on which two
strategies are the same, one may seem to tell them apart.

` + faultTable() + "\n" + kernelTable(),
		flags: fs,
		run:   f.run,
	}
}

func (f *compareFlags) run(ctx context.Context, e *env, args []string) error {
	if f.sweep != "" {
		return f.runSweep(ctx, e, args)
	}
	m, err := f.plan(args)
	if err != nil {
		return err
	}
	if m.place, err = f.choosePlace(e, args); err != nil {
		return err
	}
	m.times = f.times(args, m.place)
	html, err := create(f.html)
	if err != nil {
		return err
	}
	err = f.measure(ctx, e, m)
	if isNeed(err) && !f.linkFlags.given() {
		m.place = f.withoutLab(e, err)
		m.times = f.times(args, m.place)
		err = f.measure(ctx, e, m)
	}
	if err != nil {
		return pageError(err)
	}
	c := comparisonOf(m)
	c.Site = f.siteName(args)
	if err := writeFile(html, c.WriteHTML); err != nil {
		return err
	}
	if err := f.show(e, c); err != nil {
		return err
	}
	return errors.Join(m.tell(e.stderr), f.late(m.certificate()))
}

// measure does what was planned, and tells a terminal how far it is.
func (f *compareFlags) measure(ctx context.Context, e *env, m *measurement) error {
	if e.live {
		m.progress = e.roundOf(m.times)
		defer report.ClearLive(e.stderr)
	}
	return m.measure(ctx)
}

// roundOf tells a terminal which fetch is under way.
func (e *env) roundOf(times int) func(int, string) {
	var mu sync.Mutex // rounds may run beside each other
	return func(round int, strategy string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(e.stderr, "\r\x1b[Kround %d of %d: %s", round+1, times, strategy)
	}
}

// siteName is what a report calls what was fetched.
func (f *compareFlags) siteName(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return f.site
}

// choosePlace says where the page is fetched: at the URL, or else over a link where
// one can be made.
func (f *compareFlags) choosePlace(e *env, args []string) (place, error) {
	switch {
	case len(args) == 1:
		return elsewhere(webAddress(args[0])), nil
	case f.profile == noProfile:
		return f.loopback(), nil
	}
	if err := lab.Rootless(); err != nil {
		if f.linkFlags.given() {
			return place{}, err
		}
		return f.withoutLab(e, err), nil
	}
	p, err := f.link()
	if err != nil {
		return place{}, err
	}
	c, err := f.labConfig(p)
	return f.overLink(c, f.describe(p), f.explain), err
}

// withoutLab is the place where no lab can be made, and says why.
func (f *compareFlags) withoutLab(e *env, why error) place {
	fmt.Fprintf(e.stderr, "linger compare: %v\n  so this is loopback, which has no round trip\n", why)
	return f.loopback()
}

// isNeed reports whether an error says that no lab can be made on this system.
func isNeed(err error) bool {
	var byLab *lab.Error
	return errors.As(err, &byLab) && byLab.Need != ""
}

// times is how often each strategy fetches the page.
func (f *compareFlags) times(args []string, p place) int {
	switch {
	case f.rounds > 0:
		return f.rounds
	case len(args) == 1:
		return roundsElsewhere
	case p.link != "":
		return roundsLink
	}
	return roundsLoopback
}

func (f *compareFlags) show(e *env, c *report.Comparison) error {
	if f.json {
		return c.WriteJSON(e.stdout)
	}
	return c.WriteText(e.stdout, e.out)
}

// plan turns flags into a measurement.
func (f *compareFlags) plan(args []string) (*measurement, error) {
	m := &measurement{seed: f.seed, explains: f.explain}
	switch {
	case len(args) > 1:
		return nil, usagef("want one URL, or none for the built-in site")
	case len(args) == 1 && (f.tls || f.faults.String() != "" || f.site != "modern"):
		return nil, usagef("--site, --tls and --fault are for the built-in site: leave out the URL")
	case len(args) == 1 && f.linkFlags.given():
		return nil, usagef("a link is for the built-in site: leave out the URL, or the flags of the link; linger lab runs other servers")
	case f.profile == noProfile && f.linkFlags.given():
		if others := f.linkFlags.others(); others != "" {
			return nil, usagef("--profile none has no link: leave out --%s", others)
		}
	}
	if f.rounds < 0 || f.rounds == 0 && f.linkFlags.fs.Changed("rounds") {
		return nil, usagef("--rounds counts from 1")
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

func failuresOf(pages []*visit) []report.Failure {
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
