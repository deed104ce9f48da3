package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Options are what the command line says.
type options struct {
	scenario *regexp.Regexp
	client   string // only this contender; empty: all
	rounds   int
	duration time.Duration // of one measurement
	json     bool

	cpuProfile, memProfile string // files; empty: none
}

const (
	defaultRounds   = 5
	defaultDuration = 300 * time.Millisecond

	// Bounds of a run.
	maxRounds   = 1000
	maxDuration = time.Minute
)

// A usageError is a command line that cannot be followed.
type usageError struct{ error }

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{}
	fs := flag.NewFlagSet("clients", flag.ContinueOnError)
	fs.SetOutput(stderr)
	pattern := fs.String("scenario", "", "run only scenarios whose name matches this `regexp`")
	fs.StringVar(&o.client, "client", "", "run only this client: `name` is "+strings.Join(contenderNames(), ", "))
	fs.IntVar(&o.rounds, "rounds", defaultRounds, "measure each client so often")
	fs.DurationVar(&o.duration, "duration", defaultDuration, "length of one measurement")
	fs.BoolVar(&o.json, "json", false, "print JSON")
	fs.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of this process to `file`")
	fs.StringVar(&o.memProfile, "memprofile", "", "write a profile of all allocations to `file`")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, usageError{err}
	}
	var err error
	if o.scenario, err = regexp.Compile(*pattern); err != nil {
		return o, usageError{fmt.Errorf("-scenario: %w", err)}
	}
	return o, o.check(fs.Args())
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return usageError{fmt.Errorf("unexpected argument %q", rest[0])}
	case o.rounds < 1 || o.rounds > maxRounds:
		return usageError{fmt.Errorf("-rounds is %d, want 1 to %d", o.rounds, maxRounds)}
	case o.duration <= 0 || o.duration > maxDuration:
		return usageError{fmt.Errorf("-duration is %v, want more than 0 and at most %v", o.duration, maxDuration)}
	case o.client != "" && len(o.contenders()) == 0:
		return usageError{fmt.Errorf("-client: nobody is called %q: there are %s", o.client, strings.Join(contenderNames(), ", "))}
	}
	return nil
}

func contenderNames() []string {
	var names []string
	for _, c := range contenders() {
		names = append(names, c.name)
	}
	return names
}

// contenders returns those that were asked for.
func (o options) contenders() []contender {
	var asked []contender
	for _, c := range contenders() {
		if o.client == "" || o.client == c.name {
			asked = append(asked, c)
		}
	}
	return asked
}

// exitCode words err for a person and returns the code to exit with: 0 for
// success, 1 for failure, 2 for wrong usage.
func exitCode(err error, stderr io.Writer) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "clients:", err)
		return 2
	}
	fmt.Fprintln(stderr, "clients:", err)
	return 1
}
