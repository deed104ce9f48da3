// Command example is a small service that fetches what it is asked for from another
// server, by http.Client over a linger.Transport, as a service would: it logs what
// was slow and why, shows its connections on an endpoint, and ends without cutting
// anything off.
//
//	go run ./example --upstream https://example.com
//	curl localhost:8080/                    # answered by the upstream
//	curl localhost:8080/debug/connections   # what the pool holds
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var c config
	flag.StringVar(&c.listen, "listen", "localhost:8080", "listen on this `address`")
	flag.StringVar(&c.upstream, "upstream", "https://example.com", "fetch from the server at this `URL`")
	flag.DurationVar(&c.slow, "slow", time.Second, "log exchanges that take longer than this `duration`")
	flag.DurationVar(&c.grace, "grace", 10*time.Second, "give exchanges under way this `duration` to end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newService(c, slog.Default()).run(ctx)
	stop()
	if err != nil {
		slog.Error("failed", "error", err)
		os.Exit(1)
	}
}
