// Command clients compares what HTTP clients cost: linger's Transport, net/http's
// & in one process, against a server in another.
//
// The way of a run:
//
//	run              run.go        for each scenario, for each round, for each contender:
//	  startServer    server.go     this program again, as the server
//	  contender.open contender.go  a client that has its connections
//	  measure        measure.go    counters before and after; callers in between
//	    caller       caller.go     one exchange after the other, until time is up
//	  summarize      summary.go    medians over the rounds, and of the rounds' ratios
//	  printTable     print.go
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if isServer() {
		os.Exit(exitCode(serve(os.Stdin, os.Stdout), os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := exitCode(run(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr)
	stop()
	os.Exit(code)
}
