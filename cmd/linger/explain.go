package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/report"
)

// explainFlags are the flags of linger explain.
type explainFlags struct {
	clientFlags
	siteFlags
	linkFlags
	strategyName string

	fs           *pflag.FlagSet
	connection   string
	exchange     int
	all          bool
	both         bool
	json         bool
	html, pcapng string
	keylog       string
	ports        []int
	network      string // of --interface

	pattern connectionPattern
	shown   int // captures that were shown
}

// mostShown is how many exchanges are shown unless all are asked for.
const mostShown = 40

func explainCommand() *command {
	f := &explainFlags{}
	fs := pflag.NewFlagSet("explain", pflag.ContinueOnError)
	fs.BoolVarP(&f.all, "all", "a", false, fmt.Sprintf("show every exchange, not only the %d that took longest", mostShown))
	fs.IntVarP(&f.exchange, "exchange", "x", 0, "tell every span of exchange `N`, counted in the order in which they began, with the packets that show its cause")
	fs.StringVarP(&f.connection, "connection", "c", "", "explain only connections like `CLIENT-SERVER`, such as 198.18.0.1:4711-198.19.1.1:80, or part of it")
	fs.IntSliceVar(&f.ports, "port", nil, "explain only connections of which one end has TCP `PORT`; repeat it for more")
	fs.StringVar(&f.network, "interface", "", "take packets of the interface `NAME` only (default: the first that has the connection)")
	fs.BoolVar(&f.both, "both", false, "take two files, or the two interfaces of one, for both ends of the same connections")
	fs.StringVar(&f.keylog, "keylog", "", "decrypt TLS with the secrets in `FILE`, which SSLKEYLOGFILE makes clients write")
	fs.StringVar(&f.html, "html", "", "write waterfall and pictures of connections as one HTML `FILE`")
	fs.StringVar(&f.pcapng, "pcapng", "", "write the capture again to a pcapng `FILE`, with causes as comments of packets")
	fs.BoolVar(&f.json, "json", false, "print one JSON object, with all exchanges, instead of text")
	fs.StringVarP(&f.strategyName, "strategy", "s", "persistent6", "fetch as `NAME` does: serial, parallel, persistent, persistent6, pipelined or multiplexed")
	f.clientFlags.register(fs)
	f.siteFlags.register(fs)
	f.linkFlags.register(fs, defaultProfile)
	f.fs = fs
	return &command{
		name:  "explain",
		args:  "FILE... | - | URL | --site NAME",
		short: "Say why the exchanges of a capture, or of a page, took so long",
		long: `
FILE is a pcap or pcapng file, gzip or not; - reads standard input until it
ends, as it grows. A URL is fetched, with all objects of the page, while its
packets are captured, as root or with CAP_NET_RAW; otherwise the client's own
timeline and TCP_INFO have to do. Without any of them, but with --site or a flag
of a link, linger fetches the built-in site across an emulated link and takes
its packets at the client's end; --interface server takes the server's. The
flags from --strategy on are for fetching.

Several files are explained one after the other. With --both two are one:
CLIENT SERVER, captured at both ends of the same connections, in either order.
Their clocks are aligned by the smallest times both ways, and when each packet
left its sender is known then, and not estimated.

Each instant of an exchange has one cause, so that the causes add up to its
time; what packets cannot tell is "unknown". What is wrong with the capture is
said, and what could be read is still explained. The fields of --json are those
of the types report.Explanation and timeline.Exchange.

  tcpdump -i any -s 0 -w - tcp port 80 | linger explain -
  linger lab --profile dsl --pcap run.pcapng -- curl http://origin/
  linger explain --html run.html run.pcapng
  linger explain --exchange 7 run.pcapng
  linger explain --both client.pcapng server.pcapng
  linger explain https://example.com/
  linger explain --site modern --profile cable --strategy multiplexed

` + faultTable() + "\n" + kernelTable(),
		flags: fs,
		run:   f.run,
	}
}

func (f *explainFlags) run(ctx context.Context, e *env, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	html, err := create(f.html)
	if err != nil {
		return err
	}
	annotated, err := create(f.pcapng)
	if err != nil {
		return errors.Join(err, closeFile(html))
	}
	if len(args) < 2 || f.both {
		err := f.explainOne(ctx, e, args, html, annotated)
		if err != nil {
			return errors.Join(err, closeFile(html), closeFile(annotated))
		}
		return nil
	}
	failed := false
	for _, name := range args {
		if err := f.explainOne(ctx, e, []string{name}, nil, nil); err != nil { // the others are explained all the same
			fmt.Fprintf(e.stderr, "linger explain: %v%s\n", err, hintLine(err))
			failed = true
		}
	}
	if failed {
		return errReported
	}
	return nil
}

// explainOne explains the capture that arguments name.
func (f *explainFlags) explainOne(ctx context.Context, e *env, args []string, html, annotated *os.File) error {
	s, err := f.source(ctx, e, args)
	if err != nil {
		return err
	}
	return errors.Join(f.explain(ctx, e, s, html, annotated), s.close())
}

// check holds flags and arguments against each other.
func (f *explainFlags) check(args []string) error {
	if f.fs.Changed("exchange") && f.exchange < 1 {
		return usagef("--exchange counts from 1")
	}
	for _, p := range f.ports {
		if p < 1 || p > 65535 {
			return usagef("--port %d: want 1 to 65535", p)
		}
	}
	var err error
	if f.pattern, err = parseConnectionPattern(f.connection); err != nil {
		return err
	}
	return f.checkSource(args)
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	second, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(first, second)
}

// secrets reads the key log, nil if there is none.
func (f *explainFlags) secrets() ([]byte, error) {
	if f.keylog == "" {
		return nil, nil
	}
	return os.ReadFile(f.keylog)
}

// closeFile closes a file that may not have been asked for, or was closed already.
func closeFile(f *os.File) error {
	if f == nil {
		return nil
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// explain explains one capture. What it shows stands even where it fails.
func (f *explainFlags) explain(ctx context.Context, e *env, s *source, html, annotated *os.File) error {
	if s.path == "-" && e.live {
		fmt.Fprintln(e.stderr, "linger explain: reading standard input until it ends, or an interrupt (Ctrl-C) ends it")
	}
	g := newGathering(f, s)
	if err := g.read(ctx, s); err != nil {
		return err
	}
	x := g.explanation(s.name)
	if annotated != nil {
		err := writeFile(annotated, func(w io.Writer) error { return annotate(w, s.path, g.commentTexts()) })
		if err != nil {
			return err
		}
	}
	if x.Exchanges > 0 || !f.json {
		if err := writeFile(html, x.WriteHTML); err != nil {
			return err
		}
	}
	if err := f.showExplanation(e, x); err != nil {
		return err
	}
	if err := g.verdict(s.name); err != nil {
		return err
	}
	return s.failed
}

func (f *explainFlags) showExplanation(e *env, x *report.Explanation) error {
	if f.shown > 0 {
		fmt.Fprintln(e.stdout)
	}
	f.shown++
	switch {
	case f.json:
		return x.WriteJSON(e.stdout)
	case f.exchange > 0 && len(x.Entries) > 0:
		return x.WriteSpans(e.stdout, e.out)
	case f.exchange > 0:
		return nil // what is missing is told as an error
	}
	return x.WriteText(e.stdout, e.out)
}

// portNumbers are the ports as they stand in packets.
func (f *explainFlags) portNumbers() []uint16 {
	var all []uint16
	for _, p := range f.ports {
		all = append(all, uint16(p))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
