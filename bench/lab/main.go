// Command lab is what bench/lab.sh measures with: it makes a network and runs a
// command on its client side, as linger lab does, and it is the probe inside.
//
//	go run ./lab inside -rtt 20ms -down 50mbit -server 'iperf3 -s' -- iperf3 -c origin
//	lab echo origin:7       answers there
//	lab hold 2000 origin:7  opens so many connections at once and talks on all
//	lab lost 3000 origin:7  has so many datagrams sent and prints which are lost
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/lingerhttp/linger/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	var no *lab.Error
	switch {
	case errors.As(err, &no) && no.Need != "":
		fmt.Fprintln(os.Stderr, no)
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("want inside [FLAGS] -- COMMAND, echo ADDR, hold N ADDR or lost N ADDR")

func run(ctx context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) > 0 && args[0] == "inside":
		return inside(ctx, args[1:], out)
	case len(args) == 2 && args[0] == "echo":
		return serveEcho(args[1])
	case len(args) != 3:
		return errUsage
	}
	n, err := strconv.Atoi(args[1])
	switch {
	case err != nil || n < 1 || n > 100_000:
		return errUsage
	case args[0] == "hold":
		return hold(out, n, args[2])
	case args[0] == "lost":
		return lostOf(out, n, args[2])
	}
	return errUsage
}
