package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/report"
)

// getFlags are the flags of linger get.
type getFlags struct {
	clientFlags
	strategyName string
	dir          string
	har, html    string
	json         bool
	verbose      bool
}

func getCommand() *command {
	f := &getFlags{}
	fs := pflag.NewFlagSet("get", pflag.ContinueOnError)
	fs.StringVarP(&f.strategyName, "strategy", "s", "persistent6", "share connections as `NAME` does: serial, parallel, persistent, persistent6, pipelined or multiplexed")
	fs.StringVarP(&f.dir, "output", "o", "", "save the objects under this `DIR`")
	fs.StringVar(&f.har, "har", "", "write a HAR 1.2 `FILE`, which browsers' developer tools open")
	fs.StringVar(&f.html, "html", "", "write the waterfall as one HTML `FILE`")
	fs.BoolVar(&f.json, "json", false, "print one JSON object instead of text")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "tell the first exchange in the seven steps of every browser")
	f.register(fs)
	return &command{
		name:  "get",
		args:  "URL",
		short: "Fetch a page with all its objects and show where the time went",
		long: `
The page is loaded as a browser's preload scanner does it: images, style sheets
and scripts are requested while the document is still arriving. Scripts are not
run. What fails is told; everything else is still fetched. An answer that says
404 is an answer, and no failure. Proxies are those that HTTP_PROXY, HTTPS_PROXY
and NO_PROXY name; this machine's own addresses are reached without.`,
		flags: fs,
		run:   f.run,
	}
}

func (f *getFlags) run(ctx context.Context, e *env, args []string) error {
	if len(args) != 1 {
		return usagef("want one URL")
	}
	s, err := f.strategy(f.strategyName)
	if err != nil {
		return err
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	files, err := f.openFiles()
	if err != nil {
		return err
	}
	defer files.close()
	o.Sink = files.sink()
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	t := c.transport(s)
	defer t.Close()
	p, err := load(ctx, e, t, webAddress(args[0]), o)
	if len(p.Exchanges()) == 0 && err != nil {
		return pageError(err)
	}
	r := reportOf(p, s.Name)
	if err := f.show(e, &r, files); err != nil {
		return err
	}
	return told(&r, err)
}

// told is the error of a page whose report has been shown.
func told(r *report.Page, err error) error {
	if err != nil || len(r.Failures) > 0 {
		return errReported
	}
	return nil
}

// pageError is wrong usage if the URL was the fault.
func pageError(err error) error {
	var p *page.Error
	if errors.As(err, &p) && p.Step == page.StepURL {
		return usageError{err}
	}
	return err
}

// load fetches a page and shows its progress meanwhile.
func load(ctx context.Context, e *env, t *linger.Transport, url string, o page.Options) (*page.Page, error) {
	m := newMonitor(e, t)
	o.Progress = m.event
	m.start()
	defer m.stop()
	return page.Load(ctx, t, url, o)
}

// show renders the report in every way asked for.
func (f *getFlags) show(e *env, r *report.Page, files *outputs) error {
	if err := writeFile(files.har, r.WriteHAR); err != nil {
		return err
	}
	if err := writeFile(files.html, r.WriteHTML); err != nil {
		return err
	}
	if f.json {
		return r.WriteJSON(e.stdout)
	}
	if f.verbose {
		if err := r.WriteSteps(e.stdout, e.out); err != nil {
			return err
		}
		fmt.Fprintln(e.stdout)
	}
	return r.WriteText(e.stdout, e.out)
}

// outputs are the files that get writes. They are made before anything is
// fetched, so that a path that cannot be written costs nothing.
type outputs struct {
	har, html *os.File
	objects   *saver
}

func (f *getFlags) openFiles() (*outputs, error) {
	var o outputs
	var err error
	if o.har, err = create(f.har); err != nil {
		return nil, err
	}
	if o.html, err = create(f.html); err != nil {
		return nil, err
	}
	if f.dir != "" {
		o.objects, err = newSaver(f.dir)
	}
	return &o, err
}

func (o *outputs) sink() func(*page.Object) (io.WriteCloser, error) {
	if o.objects == nil {
		return nil
	}
	return o.objects.create
}

func (o *outputs) close() {
	for _, f := range []*os.File{o.har, o.html} {
		if f != nil {
			f.Close()
		}
	}
	if o.objects != nil {
		o.objects.close()
	}
}

// create makes a file, nil if no name is given.
func create(name string) (*os.File, error) {
	if name == "" {
		return nil, nil
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
}

// writeFile renders into a file that may not have been asked for, and closes it.
func writeFile(f *os.File, render func(io.Writer) error) error {
	if f == nil {
		return nil
	}
	return errors.Join(emptied(f), render(f), f.Close())
}

// emptied takes away what was in a file before. A pipe or a device has nothing to
// be taken away.
func emptied(f *os.File) error {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return f.Truncate(0)
}
