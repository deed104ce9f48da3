package main

import (
	"bytes"
	"context"
	"io"
	"math"
	"runtime/debug"
	"testing"
	"testing/iotest"

	"github.com/lingerhttp/linger/packet"
)

// readAs is the JSON of a capture, as it is read from r.
func readAs(t *testing.T, r io.Reader) string {
	t.Helper()
	g := newGathering(&explainFlags{json: true}, &source{name: "capture"})
	in, err := packet.NewReader(r)
	if err != nil {
		return err.Error()
	}
	failure := g.packets(context.Background(), in, true)
	g.explainer.Close()
	var out bytes.Buffer
	if err := g.explanation("capture").WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if failure != nil {
		out.WriteString(failure.Error())
	}
	return out.String()
}

// TestExplainedHoweverCut: the result does not depend on how the file is cut into reads.
func TestExplainedHoweverCut(t *testing.T) {
	for name, file := range captures {
		b := file()
		want := readAs(t, bytes.NewReader(b))
		for how, r := range map[string]io.Reader{
			"byte by byte":            iotest.OneByteReader(bytes.NewReader(b)),
			"in halves":               iotest.HalfReader(bytes.NewReader(b)),
			"with its end in advance": iotest.DataErrReader(bytes.NewReader(b)),
		} {
			if got := readAs(t, r); got != want {
				t.Errorf("%s, read %s:\n%s\nin one piece:\n%s", name, how, got, want)
			}
		}
	}
}

func TestBoundMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	restore := boundMemory()
	if got := debug.SetMemoryLimit(-1); got != softLimit {
		t.Errorf("%d bytes", got)
	}
	restore()
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("%d bytes after it", got)
	}
	debug.SetMemoryLimit(100 << 20) // GOMEMLIMIT
	boundMemory()()
	if got := debug.SetMemoryLimit(-1); got != 100<<20 {
		t.Errorf("the user's limit became %d bytes", got)
	}
}
