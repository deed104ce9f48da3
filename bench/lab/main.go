// Command lab is what bench/lab.sh runs inside the lab to measure what no ordinary
// tool does.
//
//	lab echo origin:80       answers there
//	lab hold 2000 origin:80  opens so many connections at once and talks on all
//	lab lost 3000 origin:80  has so many datagrams sent and prints which are lost
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("want echo ADDR, hold N ADDR or lost N ADDR")

func run(args []string, out io.Writer) error {
	switch {
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
