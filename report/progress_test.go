package report

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	p := Progress{Found: 42, Done: 12, Failed: 1, Connections: 6, Bytes: 1_234_567, Elapsed: 2 * time.Second}
	for _, c := range []struct {
		name  string
		write func(*bytes.Buffer) error
		want  string
	}{
		{"line", func(b *bytes.Buffer) error { return p.WriteLine(b) },
			"12 of 42 objects, 1 failed  1.23 MB  6 connections  617 kB/s  2.00 s\n"},
		{"live", func(b *bytes.Buffer) error { return p.WriteLive(b, Terminal{}) },
			"\r12 of 42 objects, 1 failed  1.23 MB  6 connections  617 kB/s  2.00 s\x1b[K"},
		{"narrow", func(b *bytes.Buffer) error { return p.WriteLive(b, Terminal{Width: 40}) },
			"\r12 of 42 objects, 1 failed  1.23 MB  6 \x1b[K"},
		{"begun", func(b *bytes.Buffer) error { return Progress{Found: 1}.WriteLine(b) },
			"0 of 1 object  0 B  0.00 ms\n"},
		{"clear", func(b *bytes.Buffer) error { return ClearLive(b) }, "\r\x1b[K"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want {
				t.Errorf("got %q, want %q", b.String(), c.want)
			}
			text := strings.TrimSuffix(strings.TrimPrefix(b.String(), "\r"), clearToEnd)
			if width := 39; c.name == "narrow" && columns(text) != width {
				t.Errorf("%d columns, want %d", columns(text), width)
			}
		})
	}
}
