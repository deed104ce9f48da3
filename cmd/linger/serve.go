package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/origin"
)

// siteFlags choose a site and how it is served, for serve and compare.
type siteFlags struct {
	site   string
	tls    bool
	faults origin.Faults
}

func (f *siteFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.site, "site", "modern", "serve the built-in site classic or modern, or the files of this `DIR`")
	fs.BoolVar(&f.tls, "tls", false, "serve over TLS with a certificate of its own")
	fs.Var(&f.faults, "fault", "order delays and faults: `WORD[,WORD...]`, listed below")
}

// config is the server's.
func (f *siteFlags) config() (origin.Config, error) {
	cfg := origin.Config{TLS: f.tls, Faults: f.faults}
	switch f.site {
	case "classic":
		cfg.Site = origin.Classic()
	case "modern":
		cfg.Site = origin.Modern()
	default:
		site, err := origin.Dir(f.site)
		if err != nil {
			return cfg, usagef("--site %s is neither classic nor modern nor a folder: %w", f.site, err)
		}
		cfg.Site = site
	}
	return cfg, nil
}

// faultTable lists the words of --fault.
func faultTable() string {
	var b strings.Builder
	b.WriteString("Faults:\n")
	for _, w := range origin.FaultHelp() {
		word := w.Name
		if w.Argument != "" {
			word += "=" + w.Argument
		}
		fmt.Fprintf(&b, "  %-18s %s\n", word, w.Help)
	}
	return b.String()
}

// serveFlags are the flags of linger serve.
type serveFlags struct {
	siteFlags
	addr string
	cert string
}

func serveCommand() *command {
	f := &serveFlags{}
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	fs.StringVar(&f.addr, "addr", "127.0.0.1:8080", "listen on this `HOST:PORT`; a second origin takes the next port")
	fs.StringVar(&f.cert, "cert", "", "write the certificate of --tls to this PEM `FILE`, for --cacert")
	f.register(fs)
	return &command{
		name:  "serve",
		short: "Serve a demo site, with delays and faults to order",
		long:  "It speaks HTTP/1.1 and HTTP/2, and serves until it is interrupted.\n\n" + faultTable(),
		flags: fs,
		run:   f.run,
	}
}

func (f *serveFlags) run(ctx context.Context, e *env, args []string) error {
	if len(args) > 0 {
		return usagef("it takes no arguments: the folder to serve goes behind --site")
	}
	if f.cert != "" && !f.tls {
		return usagef("--cert goes with --tls")
	}
	if _, _, err := net.SplitHostPort(f.addr); err != nil {
		return usagef("--addr %q: want HOST:PORT, such as 127.0.0.1:8080", f.addr)
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	cfg.Addr = f.addr
	srv, err := origin.Start(cfg)
	if err != nil {
		return err
	}
	defer srv.Close()
	if f.cert != "" {
		if err := os.WriteFile(f.cert, srv.CertPEM(), 0o666); err != nil {
			return err
		}
	}
	fmt.Fprintf(e.stdout, "serving %s at %s\n", cfg.Site.Name, srv.URL())
	for _, base := range srv.Bases()[1:] {
		fmt.Fprintf(e.stdout, "its second origin is %s\n", base)
	}
	<-ctx.Done()
	st := srv.Stats()
	fmt.Fprintf(e.stdout, "%d requests on %d connections, at most %d open at once\n", st.Requests, st.Accepted, st.MostOpen)
	return nil
}
