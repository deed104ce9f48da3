package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/lingerhttp/linger/report"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// An env is what a command may touch of the outside.
type env struct {
	stdout, stderr io.Writer
	now            func() time.Time
	out, err       report.Terminal // what stdout and stderr can show
	live           bool            // stderr is a terminal
}

// newEnv is the process's own environment.
func newEnv() *env {
	e := &env{stdout: os.Stdout, stderr: os.Stderr, now: time.Now}
	e.out, _ = terminalOf(os.Stdout)
	e.err, e.live = terminalOf(os.Stderr)
	return e
}

// terminalOf says what a file shows: colour only on a terminal, and not if
// NO_COLOR is set (https://no-color.org) or the terminal is dumb.
func terminalOf(f *os.File) (report.Terminal, bool) {
	var t report.Terminal
	if !term.IsTerminal(int(f.Fd())) {
		return t, false
	}
	t.Width, _, _ = term.GetSize(int(f.Fd()))
	t.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	t.ASCII = !utf8Locale()
	return t, true
}

// utf8Locale reads the character set as setlocale(3) does.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return true
}

// A command is one word after "linger".
type command struct {
	name  string
	args  string // what stands behind the flags, for the usage line
	short string // one line, imperative, no full stop
	long  string // may be empty
	flags *pflag.FlagSet
	run   func(ctx context.Context, e *env, args []string) error
}

// commands returns every command, in the order in which help lists them.
func commands() []*command {
	return []*command{getCommand(), compareCommand(), explainCommand(), serveCommand(), labCommand(), versionCommand()}
}

// A usageError is a mistake in how linger was called.
type usageError struct{ err error }

func (u usageError) Error() string { return u.err.Error() }
func (u usageError) Unwrap() error { return u.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported means that something failed which the command has told already.
var errReported = errors.New("something failed")

// run runs a command line and returns the exit code.
func run(ctx context.Context, e *env, args []string) int {
	if len(args) == 0 {
		usage(e.stderr)
		return exitUsage
	}
	if slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		return help(e, args[1:])
	}
	cmd := find(args[0])
	if cmd == nil {
		fmt.Fprintf(e.stderr, "linger: no command is called %q; linger help lists those there are\n", args[0])
		return exitUsage
	}
	return exitCode(e, cmd, cmd.start(ctx, e, args[1:]))
}

func (c *command) start(ctx context.Context, e *env, args []string) error {
	c.flags.SetOutput(io.Discard)
	c.flags.SortFlags = false
	err := c.flags.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		c.help(e.stdout)
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	return c.run(ctx, e, c.flags.Args())
}

// exitCode tells an error and turns it into an exit code.
func exitCode(e *env, c *command, err error) int {
	var u usageError
	var passed exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &passed):
		return int(passed)
	case errors.As(err, &u):
		fmt.Fprintf(e.stderr, "linger %s: %v; linger help %s tells more%s\n", c.name, err, c.name, hintLine(err))
		return exitUsage
	case !errors.Is(err, errReported):
		fmt.Fprintf(e.stderr, "linger %s: %v%s\n", c.name, err, hintLine(err))
	}
	return exitFailure
}

// hintLine is the line of a hint, with the line break before it.
func hintLine(err error) string {
	if hint := hintOf(err); hint != "" {
		return "\n  hint: " + hint
	}
	return ""
}

func find(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func help(e *env, args []string) int {
	if len(args) == 0 {
		usage(e.stdout)
		return exitOK
	}
	c := find(args[0])
	if c == nil {
		fmt.Fprintf(e.stderr, "linger: no command is called %q; linger help lists those there are\n", args[0])
		return exitUsage
	}
	c.help(e.stdout)
	return exitOK
}

func usage(w io.Writer) {
	fmt.Fprint(w, "linger manages HTTP connections and accounts for every millisecond they cost.\n\nusage: linger COMMAND [FLAGS] [ARGUMENTS]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\nlinger help COMMAND tells a command's flags.\nExit codes: 0 all well, 1 something failed, 2 wrong usage.\n")
}

func (c *command) help(w io.Writer) {
	fmt.Fprintf(w, "usage: linger %s\n\n%s.\n", strings.Join(nonEmpty(c.name, "[FLAGS]", c.args), " "), c.short)
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.long))
	}
	if c.flags.HasFlags() {
		c.flags.SortFlags = false
		fmt.Fprintf(w, "\n%s", c.flags.FlagUsagesWrapped(helpWidth))
	}
}

// helpWidth is the columns that help is wrapped to.
const helpWidth = 80

func nonEmpty(words ...string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

func versionCommand() *command {
	return &command{
		name:  "version",
		short: "Print the version of linger",
		flags: pflag.NewFlagSet("version", pflag.ContinueOnError),
		run: func(_ context.Context, e *env, args []string) error {
			if len(args) > 0 {
				return usagef("it takes no arguments")
			}
			fmt.Fprintln(e.stdout, "linger", version())
			return nil
		},
	}
}

// version is the module's, as the go command recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
