package main

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/report"
)

// Where linger explain has packets from: files, or a page that it fetches itself.

// A source is one capture that is to be explained.
type source struct {
	name    string // what the report calls it
	path    string // of the file, "-" for standard input; empty if there are no packets
	secrets []byte // a TLS key log

	client         *clientSide // what is known from the client; nil if nothing is
	network        string      // the interface to take unless told otherwise
	notes, defects []string

	departures *cause.Departures // by the capture of the other end; nil if there is none
	alignment  *report.Alignment

	failed error // what is to be reported when all has been shown
	end    func() error
}

// close ends what the source has open.
func (s *source) close() error {
	if s.end == nil {
		return nil
	}
	return s.end()
}

// fetches reports whether arguments say to fetch a page, rather than to read files.
func (f *explainFlags) fetches(args []string) bool {
	return len(args) == 1 && isWebAddress(args[0]) || len(args) == 0 && f.fetchFlag() != ""
}

// isWebAddress reports whether an argument is a URL and no file.
func isWebAddress(arg string) bool {
	u, err := url.Parse(arg)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// fetchFlag is a flag of fetching that was given, empty if none was.
func (f *explainFlags) fetchFlag() string {
	if name := f.others(); name != "" {
		return name
	}
	for _, register := range []func(*pflag.FlagSet){new(clientFlags).register, new(siteFlags).register} {
		if name := given(f.fs, register); name != "" {
			return name
		}
	}
	for _, name := range []string{"profile", "strategy"} {
		if f.fs.Changed(name) {
			return name
		}
	}
	return ""
}

// given is a flag of those that register makes which was given, empty if none was.
func given(fs *pflag.FlagSet, register func(*pflag.FlagSet)) (name string) {
	some := pflag.NewFlagSet("", pflag.ContinueOnError)
	register(some)
	some.VisitAll(func(flag *pflag.Flag) {
		if fs.Changed(flag.Name) {
			name = flag.Name
		}
	})
	return name
}

// checkSource holds what says where packets come from against each other.
func (f *explainFlags) checkSource(args []string) error {
	if f.fetches(args) {
		return f.checkFetch(args)
	}
	switch flag := f.fetchFlag(); {
	case len(args) == 0:
		return usagef("want a capture, a URL, or - for standard input")
	case slices.ContainsFunc(args, isWebAddress):
		return usagef("a URL stands alone: leave out the other arguments")
	case f.both && (len(args) > 2 || slices.Contains(args, "-")):
		return usagef("--both wants two files, or one file with both ends")
	case f.both && f.network != "":
		return usagef("--both takes both interfaces: leave out --interface")
	case flag != "":
		return usagef("--%s is for a page that linger fetches itself: give a URL, or no argument for the built-in site", flag)
	}
	for _, flag := range []string{"json", "html", "pcapng", "exchange"} {
		if len(args) > 1 && !f.both && f.fs.Changed(flag) {
			return usagef("--%s is for one capture at a time", flag)
		}
	}
	if f.pcapng != "" && args[0] == "-" {
		return usagef("--pcapng reads the capture twice: give it a file instead of -")
	}
	if f.pcapng != "" && slices.ContainsFunc(args, func(name string) bool { return sameFile(f.pcapng, name) }) {
		return usagef("--pcapng %s would write over the capture itself", f.pcapng)
	}
	return nil
}

// checkFetch holds the flags of fetching against each other.
func (f *explainFlags) checkFetch(args []string) error {
	switch others := f.others(); {
	case f.both && (len(args) == 1 || f.profile == noProfile):
		return usagef("--both wants two files, or one file with both ends")
	case f.both && f.network != "":
		return usagef("--both takes both interfaces: leave out --interface")
	case len(args) == 1 && given(f.fs, new(siteFlags).register) != "":
		return usagef("--site, --tls and --fault are for the built-in site: leave out the URL")
	case len(args) == 1 && f.linkFlags.given():
		return usagef("a link is for the built-in site: leave out the URL, or the flags of the link; linger lab runs other servers")
	case f.profile == noProfile && others != "":
		return usagef("--profile none has no link: leave out --%s", others)
	}
	return nil
}

// source opens the capture that an argument names.
func (f *explainFlags) source(ctx context.Context, e *env, args []string) (*source, error) {
	secrets, err := f.secrets()
	if err != nil {
		return nil, err
	}
	if f.fetches(args) {
		return f.fetch(ctx, e, args, secrets)
	}
	s := &source{name: strings.Join(args, " and "), path: args[0], secrets: secrets}
	if f.both {
		err = s.withBoth(ctx, args)
	}
	return s, err
}
