// Command capture writes a capture of made-up HTTP traffic to standard output, for
// explain.sh: clients that fetch responses over one bottleneck, with slow start and an
// ACK for every second segment, as the client's end sees it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
)

func main() {
	var p plan
	packets := flag.Int64("packets", 1e6, "end behind so many `PACKETS`")
	bytes := flag.Int64("bytes", 1<<62, "end behind so many `BYTES` of the file")
	flag.IntVar(&p.clients, "clients", 4, "connections at a `TIME`")
	flag.IntVar(&p.exchanges, "exchanges", 6, "`EXCHANGES` of a connection")
	flag.Int64Var(&p.least, "least", 1<<20, "`BYTES` of the smallest response")
	flag.Int64Var(&p.most, "most", 50<<20, "`BYTES` of the largest response")
	flag.Uint64Var(&p.seed, "seed", 1, "`SEED` of the sizes")
	flag.Parse()

	out := newFile(bufio.NewWriterSize(os.Stdout, 1<<20))
	run(p, func(s segment) bool {
		out.write(s)
		return out.packets < *packets && out.bytes < *bytes
	})
	if err := out.w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}
