// Package repro repeats experiments of the literature on HTTP's connections, with
// the kernel's TCP over the links of package lab. It needs what lab needs: Linux, and
// root or a user namespace.
//
//	for _, e := range repro.Experiments() {
//		result, err := e.Run(ctx)
//		…
//	}
//
// How an experiment comes about, as a call tree:
//
//	Experiment.Run
//	├ runAll            the cells of a table, several at once     cell.go
//	│ └ cell.run        a lab of its own, again if it was late
//	│   └ stage.visit   one measured visit: time and packets      stage.go
//	├ Table             what was measured                         result.go
//	└ Relation          what the paper says of it, and whether it holds
//
// A Relation is an order or a ratio, with a margin that noise does not reach: these
// are claims about protocols, not about the machine that they were tried on. What is
// asked of a run that the machine was too slow for is another run, never less.
package repro
