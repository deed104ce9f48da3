package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/sniff"
)

// A deafSite is one whose packets cannot be captured.
type deafSite struct {
	site
	why error
}

func (s deafSite) record() (recording, error) { return nil, s.why }

// Where packets cannot be captured, the client's own account is shown, and what that
// cannot tell is said.
func TestWithoutPackets(t *testing.T) {
	f := &explainFlags{siteFlags: siteFlags{site: "classic"}}
	c, err := f.client()
	if err != nil {
		t.Fatal(err)
	}
	why := &sniff.Error{Op: "packet socket", Err: fs.ErrPermission}
	w := &watched{client: c}
	e := &env{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), now: time.Now}
	s, err := linger.StrategyNamed("persistent6")
	if err != nil {
		t.Fatal(err)
	}
	where := f.loopback()
	open := where.open
	where.open = func() (site, error) {
		s, err := open()
		return deafSite{s, why}, err
	}
	src, cert, err := w.fetch(context.Background(), e, where, 1, s, page.Options{})
	if err != nil || cert != nil {
		t.Fatal(cert, err)
	}
	g := newGathering(f, src)
	if err := errors.Join(g.read(context.Background(), src), g.verdict(src.name)); err != nil {
		t.Fatal(err)
	}
	x := g.explanation(src.name)
	if x.Exchanges != 42 || x.Connections < 1 || x.Connections > 6 || x.Packets != 0 || x.Time <= 0 || x.Begin.IsZero() {
		t.Errorf("%d exchanges on %d connections, %d packets, %v from %v", x.Exchanges, x.Connections, x.Packets, x.Time, x.Begin)
	}
	for _, entry := range x.Entries {
		if err := entry.Check(); err != nil {
			t.Error(err)
		}
	}
	var out bytes.Buffer
	if err := x.WriteText(&out, report.Terminal{}); err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"Packets were not captured: sniff: packet socket: permission denied (it takes root, or the capability CAP_NET_RAW).",
		"The rest is unknown:", "42 exchanges", "unknown", "handshake",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
