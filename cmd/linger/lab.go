package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/lab"
)

// labFlags are the flags of linger lab.
type labFlags struct {
	linkFlags
	siteFlags
	server string
	port   int
	names  []string
	pcap   string
	json   string
	quiet  bool
}

func labCommand() *command {
	f := &labFlags{}
	fs := pflag.NewFlagSet("lab", pflag.ContinueOnError)
	fs.SetInterspersed(false) // flags behind COMMAND are COMMAND's
	f.linkFlags.register(fs, "cable")
	f.siteFlags.register(fs)
	fs.StringVar(&f.server, "server", "", "run this `COMMAND` on the server side, by sh, in place of the built-in site")
	fs.IntVar(&f.port, "port", 0, "wait until the program of --server listens on this TCP `PORT` (default: 80 or 443)")
	fs.StringSliceVar(&f.names, "name", nil, "let the server answer to `NAME`, too")
	fs.StringVar(&f.pcap, "pcap", "", "write every packet to a pcapng `FILE`, with its time in queues and why it was dropped")
	fs.StringVar(&f.json, "json", "", "write link, kernels and certificate as one JSON `FILE`")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing of the link at the end")
	return &command{
		name:  "lab",
		args:  "[--] COMMAND... | profiles | repro NAME | grade",
		short: "Run a program on an emulated network, with the kernel's TCP at both ends",
		long: `
COMMAND runs on the client side. The server side has the built-in site, or what
--server runs, and answers inside to the name origin: http://origin/, or with
--tls https://origin/, whose certificate COMMAND trusts if it heeds
SSL_CERT_FILE or CURL_CA_BUNDLE. Nothing outside can be reached. The exit code
is COMMAND's; 1 and 2 are linger's own, too. At the end linger says on standard
error how exact the link was.

  linger lab --profile dsl -- curl -sw '%{time_total}' http://origin/
  linger lab --rtt 80ms --loss 1% --pcap run.pcapng -- linger get http://origin/
  linger lab --server 'nginx -g "daemon off;"' -- curl -I http://origin/
  linger lab -- bash
  linger lab profiles    list the profiles; --json is what --profile FILE reads
  linger lab repro       list the experiments of the literature
  linger lab grade       judge explanations by networks whose truth is known

` + kernelTable() + "\n" + faultTable(),
		flags: fs,
		run:   f.run,
	}
}

func (f *labFlags) run(ctx context.Context, e *env, args []string) error {
	dashed := f.fs.ArgsLenAtDash() == 0
	switch {
	case len(args) == 0:
		return usagef("want a program to run, such as curl http://origin/")
	case !dashed && args[0] == "profiles":
		return profiles(e, args[1:])
	case !dashed && args[0] == "repro":
		return repro(ctx, e, args[1:])
	case !dashed && args[0] == "grade":
		return labGrade(ctx, e, args[1:])
	}
	p, err := f.link()
	if err != nil {
		return err
	}
	c, err := f.labConfig(p)
	if err != nil {
		return err
	}
	c.Hosts = []lab.Host{{Names: append([]string{lab.DefaultName}, f.names...)}}
	if err := c.Check(); err != nil {
		return labError(err)
	}
	if f.server != "" && (f.tls || f.fs.Changed("site") || f.faults.String() != "") {
		return usagef("--site, --tls and --fault are for the built-in site, not for --server")
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], plainExec(err))
	}
	if err := lab.Rootless(); err != nil {
		return err
	}
	return f.inside(ctx, e, p, c, append([]string{program}, args[1:]...))
}

// plainExec is an error of exec without the name, which stands before it.
func plainExec(err error) error {
	var byExec *exec.Error
	if errors.As(err, &byExec) {
		return byExec.Err
	}
	return err
}

// inside makes the lab, runs the command, and tells.
func (f *labFlags) inside(ctx context.Context, e *env, p lab.Profile, c lab.Config, args []string) error {
	capture, err := newCaptureFile(f.pcap)
	if err != nil {
		return err
	}
	file, err := create(f.json)
	if err != nil {
		return errors.Join(err, capture.discard())
	}
	c.Tap = capture.tap()
	l, err := lab.New(c)
	if err != nil {
		return labError(errors.Join(err, capture.discard()))
	}
	for _, note := range l.Notes() {
		fmt.Fprintf(e.stderr, "linger lab: %s\n", note)
	}
	ran, cert, err := f.serveAndRun(ctx, e, l, args)
	client, server := l.Kernels()
	if err := errors.Join(err, l.Close(), capture.close()); err != nil {
		return err
	}
	if !f.quiet {
		fmt.Fprintf(e.stderr, "link %s\n%s\n", f.describe(p), cert)
	}
	result := labResult{f.describe(p), client, server, cert, l.Notes()}
	if err := writeFile(file, result.write); err != nil {
		return err
	}
	if err := f.late(&cert); err != nil {
		return err
	}
	return ran
}

// lastPackets is how long linger waits, when COMMAND has ended, for the packets that
// are still under way.
const lastPackets = 2 * time.Second

// serveAndRun starts the server, runs the command and takes the certificate. Ran is
// what became of the command, err what became of the lab.
func (f *labFlags) serveAndRun(ctx context.Context, e *env, l *lab.Lab, args []string) (ran error, cert lab.Certificate, err error) {
	server, err := f.startServer(ctx, e, l)
	if err != nil {
		return nil, cert, err
	}
	ran = runInside(ctx, e, l, args, server.trust)
	quiet, cancel := context.WithTimeout(ctx, lastPackets)
	_ = l.Quiet(quiet) // what is left in the background may go on sending
	cancel()
	cert = l.Certificate()
	return ran, cert, server.stop()
}

// runInside runs the command on the client side.
func runInside(ctx context.Context, e *env, l *lab.Lab, args, environ []string) error {
	ctx, stop := leaveToTerminal(ctx)
	defer stop()
	cmd := l.Client.Command(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, e.stdout, e.stderr
	cmd.Env = append(insideEnv(os.Environ()), environ...)
	politely(cmd)
	return commandError(ctx, cmd.Run())
}

// insideEnv leaves out of an environment what names proxies, which nobody can reach
// from inside.
func insideEnv(environ []string) []string {
	return slices.DeleteFunc(environ, func(v string) bool {
		name, _, _ := strings.Cut(strings.ToLower(v), "=")
		return strings.HasSuffix(name, "_proxy")
	})
}
