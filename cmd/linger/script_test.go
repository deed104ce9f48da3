package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/origin"
	"github.com/lingerhttp/linger/sniff"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"linger": main})
}

// TestScripts runs the scripts under testdata: what a user types and sees.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:       "testdata",
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"origin": startOrigin, "capture": makeCapture},
		Condition: condition,
	})
}

// condition decides [lab], which holds where a lab can be made, and [sniff], which
// holds where packets of this host can be captured.
func condition(cond string) (bool, error) {
	switch cond {
	case "lab":
		return lab.Available() == nil, nil
	case "sniff":
		s, err := sniff.Open()
		if err != nil {
			return false, nil
		}
		return true, s.Close()
	}
	return false, fmt.Errorf("no condition is called %q", cond)
}

// startOrigin is the script command `origin SITE [FAULTS]`: it serves a site
// until the script ends, and sets URL and HOST. A SITE with a + before it is
// served over TLS, its certificate in cert.pem.
func startOrigin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: origin [+]SITE [FAULTS]")
	}
	var cfg origin.Config
	name, secure := strings.CutPrefix(args[0], "+")
	cfg.TLS = secure
	switch name {
	case "classic":
		cfg.Site = origin.Classic()
	case "modern":
		cfg.Site = origin.Modern()
	case "many":
		cfg.Site = origin.Many(20)
	default:
		site, err := origin.Dir(ts.MkAbs(name))
		ts.Check(err)
		cfg.Site = site
	}
	if len(args) > 1 {
		ts.Check(cfg.Faults.Set(args[1]))
	}
	srv, err := origin.Start(cfg)
	ts.Check(err)
	ts.Defer(func() { srv.Close() })
	ts.Setenv("URL", srv.URL())
	ts.Setenv("HOST", strings.TrimPrefix(srv.Bases()[0], "http://"))
	if secure {
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "cert.pem"), srv.CertPEM(), 0o600))
	}
}
