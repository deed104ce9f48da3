package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/lab"
)

// profiles lists the profiles there are, or those that are named.
func profiles(e *env, args []string) error {
	fs := pflag.NewFlagSet("lab profiles", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	asJSON := fs.Bool("json", false, "print each as --profile FILE reads it")
	switch err := fs.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(e.stdout, "usage: linger lab profiles [--json] [NAME or FILE...]\n\n%s", fs.FlagUsages())
		return nil
	case err != nil:
		return usageError{err}
	}
	names := fs.Args()
	if len(names) == 0 {
		for _, p := range lab.Profiles() {
			names = append(names, p.Name)
		}
	}
	for _, name := range names {
		p, err := lab.ReadProfile(name)
		if err != nil {
			return labError(err)
		}
		if err := tellProfile(e.stdout, p, *asJSON); err != nil {
			return err
		}
	}
	return nil
}

func tellProfile(w io.Writer, p lab.Profile, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintf(w, "%s\n  %s\n  source: %s\n", p, p.About, p.Source)
		return err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
