package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
)

// linkFlags describe a link, for lab and compare: a profile, and what is otherwise.
type linkFlags struct {
	profile            string
	own                lab.Profile // what flags say; only those given count
	dropDown, dropUp   []string
	traceDown, traceUp string
	seed               uint64
	mtu                int
	dns                time.Duration
	bound              time.Duration
	strict             bool

	kernel struct{ both, client, server lab.Kernel }

	fs *pflag.FlagSet
}

// A linkPart is one thing that can be said of a link, by the flag of its name.
type linkPart struct {
	name string
	copy func(to, from *lab.Profile)

	// instead is another part, in whose place this one stands unless that one was
	// asked for, too.
	instead string
}

// linkParts are the flags that a profile has a field for.
var linkParts = []linkPart{
	{"rtt", func(to, from *lab.Profile) { to.RTT = from.RTT }, ""},
	{"jitter", func(to, from *lab.Profile) { to.Jitter = from.Jitter }, ""},
	{"down", func(to, from *lab.Profile) { to.Down = from.Down }, "trace-down"},
	{"up", func(to, from *lab.Profile) { to.Up = from.Up }, "trace-up"},
	{"queue", func(to, from *lab.Profile) { to.Queue = from.Queue }, ""},
	{"loss", func(to, from *lab.Profile) { to.Loss = from.Loss }, "burst"},
	{"burst", func(to, from *lab.Profile) { to.Burst = from.Burst }, "loss"},
	{"reorder", func(to, from *lab.Profile) { to.Reorder = from.Reorder }, ""},
	{"duplicate", func(to, from *lab.Profile) { to.Duplicate = from.Duplicate }, ""},
	{"trace-down", func(to, from *lab.Profile) { to.TraceDown = from.TraceDown }, "down"},
	{"trace-up", func(to, from *lab.Profile) { to.TraceUp = from.TraceUp }, "up"},
	{"drop-down", func(to, from *lab.Profile) { to.DropDown = from.DropDown }, ""},
	{"drop-up", func(to, from *lab.Profile) { to.DropUp = from.DropUp }, ""},
}

// takeOver has a link be what parts say that were asked for.
func takeOver(to, from *lab.Profile, asked func(name string) bool) {
	for _, p := range linkParts {
		if asked(p.name) && p.instead != "" && !asked(p.instead) {
			partNamed(p.instead).copy(to, new(lab.Profile))
		}
	}
	for _, p := range linkParts {
		if asked(p.name) {
			p.copy(to, from)
		}
	}
}

// partNamed is the part of a name, which there must be.
func partNamed(name string) linkPart {
	return linkParts[slices.IndexFunc(linkParts, func(p linkPart) bool { return p.name == name })]
}

// otherLinkFlags need a link, too.
var otherLinkFlags = []string{"seed", "mtu", "dns-delay", "bound", "strict", "kernel", "kernel-client", "kernel-server"}

func (f *linkFlags) register(fs *pflag.FlagSet, profile string) {
	f.fs = fs
	fs.StringVar(&f.profile, "profile", profile, "make the link that `NAME` stands for, or a file in JSON describes; linger lab profiles lists them")
	fs.TextVar(&f.own.RTT, "rtt", lab.Duration(0), "take `DURATION` there and back, half of it each way")
	fs.TextVar(&f.own.Jitter, "jitter", lab.Duration(0), "delay each packet by up to `DURATION` more or less, without overtaking")
	fs.TextVar(&f.own.Down, "down", link.Rate(0), "carry at most `RATE` to the client, such as 28.8kbit, 20mbit or unlimited")
	fs.TextVar(&f.own.Up, "up", link.Rate(0), "carry at most `RATE` from the client")
	fs.TextVar(&f.own.Queue, "queue", link.Queue{}, "let so much wait each way: `LIMIT` in packets, in bytes as 100kB, or codel")
	fs.TextVar(&f.own.Loss, "loss", link.Probability(0), "lose each packet with `P`, such as 1% or 0.01")
	fs.TextVar(&f.own.Burst, "burst", link.Burst{}, "lose packets in bursts: `P` as in p=1%,r=30%")
	fs.TextVar(&f.own.Reorder, "reorder", link.Probability(0), "hold each packet back with `P`, so that others overtake it")
	fs.TextVar(&f.own.Duplicate, "duplicate", link.Probability(0), "let each packet arrive twice with `P`")
	fs.StringVar(&f.traceDown, "trace-down", "", "deliver to the client when this `FILE` says, in Mahimahi's format")
	fs.StringVar(&f.traceUp, "trace-up", "", "deliver from the client when this `FILE` says")
	fs.StringSliceVar(&f.dropDown, "drop-down", nil, "lose this packet to the client: `CONNECTION:KIND:N`, such as 2:data:3")
	fs.StringSliceVar(&f.dropUp, "drop-up", nil, "lose this packet from the client: `CONNECTION:KIND:N`")
	fs.Uint64Var(&f.seed, "seed", 1, "draw the lots of the link from `N`: the same drops the same packets")
	fs.IntVar(&f.mtu, "mtu", 1500, "carry packets of up to `BYTES`")
	fs.DurationVar(&f.dns, "dns-delay", 0, "let the DNS server inside think for `DURATION` before it answers")
	fs.Var(&f.kernel.both, "kernel", "tune TCP on both sides: `WORD[,WORD...]`, listed below")
	fs.Var(&f.kernel.client, "kernel-client", "tune TCP on the client's side: `WORD[,WORD...]`")
	fs.Var(&f.kernel.server, "kernel-server", "tune TCP on the servers' side: `WORD[,WORD...]`")
	fs.DurationVar(&f.bound, "bound", time.Millisecond, "call the run late if more than 1 in 100 packets left over `DURATION` after their time")
	fs.BoolVar(&f.strict, "strict", false, "fail if the run was late")
}

// given reports whether any flag of a link was.
func (f *linkFlags) given() bool { return f.fs.Changed("profile") || f.others() != "" }

// others is a flag of a link that was given, but --profile; empty if none was.
func (f *linkFlags) others() string {
	names := slices.Clone(otherLinkFlags)
	for _, p := range linkParts {
		names = append(names, p.name)
	}
	if i := slices.IndexFunc(names, f.fs.Changed); i >= 0 {
		return names[i]
	}
	return ""
}

// link is the profile with what flags say otherwise.
func (f *linkFlags) link() (lab.Profile, error) {
	p, err := lab.ReadProfile(f.profile)
	if err != nil {
		return p, labError(err)
	}
	if err := f.read(); err != nil {
		return p, usageError{err}
	}
	for _, rate := range []string{"down", "up"} {
		if f.fs.Changed(rate) && f.fs.Changed("trace-"+rate) {
			return p, usagef("--%s and --trace-%[1]s both say when packets leave: leave out one", rate)
		}
	}
	takeOver(&p, &f.own, f.fs.Changed)
	return p, nil
}

// read reads what stands behind flags in a form of its own.
func (f *linkFlags) read() (err error) {
	if f.own.TraceDown, err = readTrace(f.traceDown); err != nil {
		return err
	}
	if f.own.TraceUp, err = readTrace(f.traceUp); err != nil {
		return err
	}
	if f.own.DropDown, err = readDrops(f.dropDown); err != nil {
		return err
	}
	f.own.DropUp, err = readDrops(f.dropUp)
	return err
}

func readTrace(file string) (*link.Trace, error) {
	if file == "" {
		return nil, nil
	}
	r, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t, err := link.ReadTrace(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

func readDrops(words []string) ([]link.Drop, error) {
	drops := make([]link.Drop, len(words))
	for i, w := range words {
		if err := drops[i].UnmarshalText([]byte(w)); err != nil {
			return nil, err
		}
	}
	return drops, nil
}

// mostRTT is twice the longest delay that a link takes.
const mostRTT = 2 * time.Minute

// labConfig is the lab's.
func (f *linkFlags) labConfig(p lab.Profile) (lab.Config, error) {
	if p.RTT < 0 || time.Duration(p.RTT) > mostRTT {
		return lab.Config{}, usagef("rtt %v: want 0 to 2m", p.RTT)
	}
	if f.mtu == 0 || f.bound == 0 {
		return lab.Config{}, usagef("--mtu and --bound cannot be 0")
	}
	c := lab.Config{Seed: f.seed, MTU: f.mtu, DNSDelay: f.dns, Bound: f.bound, Client: f.kernel.both, Server: f.kernel.both}
	c.Up, c.Down = p.Links()
	for _, side := range []struct{ to, words *lab.Kernel }{{&c.Client, &f.kernel.client}, {&c.Server, &f.kernel.server}} {
		if text := side.words.String(); text != "" {
			if err := side.to.Set(text); err != nil {
				return c, labError(err)
			}
		}
	}
	return c, labError(c.Check())
}

// describe is the link in one line, without parts that are to be told apart.
func (f *linkFlags) describe(p lab.Profile, without ...string) string {
	text := p.Without(without...)
	for _, k := range []struct {
		name  string
		words *lab.Kernel
	}{{"kernel", &f.kernel.both}, {"client", &f.kernel.client}, {"server", &f.kernel.server}} {
		if words := k.words.String(); words != "" {
			text += ", " + k.name + " " + words
		}
	}
	return fmt.Sprintf("%s, seed %d", text, f.seed)
}

// kernelTable lists the words of --kernel.
func kernelTable() string {
	var b strings.Builder
	b.WriteString("Words of --kernel:\n")
	for _, w := range lab.KernelHelp() {
		fmt.Fprintf(&b, "  %-14s %s\n", w.Name, w.Help)
	}
	return b.String()
}

// late is the error of a run that was not as exact as --strict demands.
func (f *linkFlags) late(c *lab.Certificate) error {
	if !f.strict || c == nil || !c.Late {
		return nil
	}
	return errors.New("the link was late, which --strict does not bear: " + c.Defects[0])
}

// labError is wrong usage if the flags were at fault.
func labError(err error) error {
	var byLink *link.Error
	var byLab *lab.Error
	switch {
	case errors.As(err, &byLab) && byLab.Op == "config":
		return usageError{byLab.Err}
	case errors.As(err, &byLink):
		return usageError{err}
	}
	return err
}
