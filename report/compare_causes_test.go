package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

// explainedComparison says what each strategy spent its time on.
func explainedComparison() *Comparison {
	c := sampleComparison()
	c.CauseNotes = []string{"as packets at the client's end of the link show it"}
	for i := range c.Rows {
		r := &c.Rows[i]
		conns := float64(r.Connections)
		r.Causes = []RowCause{
			{timeline.Queued, 57_500 / conns, 0.68, 1}, {timeline.Handshake, 28.2 * conns, 0.16, 1},
			{timeline.Transfer, 385, 0.05, 1}, {timeline.Propagation, 1020, 0.04, 1}, {timeline.ReceiveWindow, 31, 0.003, 1},
			{timeline.SlowStart, 226.4, 0.01, 1}, {timeline.Unknown, 0.17, 0.0001, 1},
		}
	}
	c.Rows[5].Causes = c.Rows[5].Causes[1:3] // others cost nothing
	c.Rows[4].Causes = nil                   // nothing is known
	return c
}

func TestWhyGolden(t *testing.T) {
	c := explainedComparison()
	for _, width := range []int{40, 80, 120} {
		var b bytes.Buffer
		c.writeWhy(&b, Terminal{Width: width})
		for line := range strings.Lines(b.String()) {
			if columns(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("%q is wider than %d columns", line, width)
			}
		}
		golden(t, fmt.Sprintf("why-%d.txt", width), func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err })
	}
}

// Without causes there is no second table.
func TestWhyOfNothing(t *testing.T) {
	var b bytes.Buffer
	c := sampleComparison()
	if c.writeWhy(&b, Terminal{}); b.Len() > 0 || c.htmlWhy() != nil {
		t.Errorf("%q", b.String())
	}
}

func TestHTMLWhy(t *testing.T) {
	var b bytes.Buffer
	if err := explainedComparison().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<th scope=\"col\">receive-window</th>", "57.5 s 68 %", "class=\"bar cause c-slow-start\"", ".c-queue {", "client&#39;s end"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in the page", want)
		}
	}
}
