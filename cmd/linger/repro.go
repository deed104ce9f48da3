package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/lab"
	literature "github.com/lingerhttp/linger/repro"
)

// repro repeats an experiment of the literature, or lists those there are.
func repro(ctx context.Context, e *env, args []string) error {
	fs := pflag.NewFlagSet("lab repro", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	asJSON := fs.Bool("json", false, "")
	if err := fs.Parse(args); err != nil {
		return usageError{err}
	}
	switch fs.NArg() {
	case 0:
		listExperiments(e.stdout)
		return nil
	case 1:
	default:
		return usagef("repro takes one experiment at a time")
	}
	x, err := literature.Named(fs.Arg(0))
	if err != nil {
		return usageError{err}
	}
	if err := lab.Rootless(); err != nil {
		return err
	}
	if e.live {
		fmt.Fprintf(e.stderr, "%s takes about %s\n", x.Name, x.Takes)
	}
	result, err := x.Run(ctx)
	switch {
	case ctx.Err() != nil:
		return errReported // it was interrupted, and whoever did it knows
	case err != nil:
		return err
	}
	if err := tellResult(e, result, *asJSON); err != nil {
		return err
	}
	if !result.Holds() {
		return errReported
	}
	return nil
}

func listExperiments(w io.Writer) {
	for _, x := range literature.Experiments() {
		fmt.Fprintf(w, "%s, about %s\n", x.Name, x.Takes)
		wrap(w, "  ", "  ", x.Claim)
		wrap(w, "  ", "  ", x.Source)
	}
}

func tellResult(e *env, r *literature.Result, asJSON bool) error {
	if !asJSON {
		printResult(e.stdout, r, e.out.ASCII)
		return nil
	}
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
