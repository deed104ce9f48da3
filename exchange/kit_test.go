package exchange

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/flow"
)

// A script drives the Sink of one connection. Its lines are
//
//	"> text"     the client sends it
//	"< text"     the server does
//	">? n", "<? n"  n bytes that are not in the capture
//	">.", "<."   FIN
//	"!"          RST
//
// Each line is a packet, 1 ms after the one before; the first is packet 1, at 1 ms.
type script []string

// play returns what was told. It ends with the capture.
func play(c *flow.Conn, lines script) []*Exchange { return playWith(c, nil, lines) }

func playWith(c *flow.Conn, cfg *Config, lines script) []*Exchange {
	var told []*Exchange
	if c == nil {
		c = begun()
	}
	sink := New(c, cfg, func(e *Exchange) { told = append(told, e) })
	var offset [2]int64
	var ended [2]bool
	end := func(d flow.Dir, at int64, how flow.How) {
		if !ended[d] {
			ended[d] = true
			sink.End(d, at, how)
		}
	}
	at := int64(0)
	for i, line := range lines {
		at = int64(i+1) * 1e6
		d := flow.Up
		if line[0] == '<' {
			d = flow.Down
		}
		switch {
		case line == "!":
			end(flow.Up, at, flow.ByRST)
			end(flow.Down, at, flow.ByRST)
		case line[1:] == ".":
			end(d, at, flow.ByFIN)
		case line[1] == '?':
			n, err := strconv.ParseInt(strings.TrimSpace(line[2:]), 10, 64)
			if err != nil {
				panic(err)
			}
			sink.Missing(d, offset[d], n, at, int32(i+1))
			offset[d] += n
		default:
			b := []byte(line[2:])
			sink.Data(d, offset[d], b, at, int32(i+1))
			offset[d] += int64(len(b))
		}
	}
	end(flow.Up, at, flow.Open)
	end(flow.Down, at, flow.Open)
	return told
}

// begun is a connection whose SYN was seen.
func begun() *flow.Conn { return &flow.Conn{Opening: flow.Opening{SYN: 1, SYNACK: 1, ACK: 1}} }

// brief is an exchange in a line.
func brief(e *Exchange) string {
	s := fmt.Sprintf("%d %s %s %d up %s down %s", e.Nth, e.Method, e.URL, e.Status, briefMessage(e.Request), briefMessage(e.Response))
	for _, m := range e.Interim {
		s += " interim " + briefMessage(m)
	}
	if e.Problem != "" {
		s += " | " + e.Problem
	}
	if e.Note != "" {
		s += " # " + e.Note
	}
	return s
}

// briefMessage is "from+head+body@first-last", with "…" if the end was not seen.
func briefMessage(m Message) string {
	if len(m.Ranges) == 0 {
		return "-"
	}
	s := fmt.Sprintf("%d+%d+%d@%d-%d", m.Start(), m.Head, m.Body, m.First/1e6, m.Last/1e6)
	if !m.Complete {
		s += "…"
	}
	return s
}

func check(t *testing.T, name string, got []*Exchange, want []string) {
	t.Helper()
	var lines []string
	for _, e := range got {
		lines = append(lines, brief(e))
		for _, m := range []Message{e.Request, e.Response} {
			if len(m.Ranges) > 0 && m.End()-m.Start() != m.Head+m.Body {
				t.Errorf("%s: %d bytes of head and %d of body in %v", name, m.Head, m.Body, m.Ranges)
			}
		}
	}
	if g, w := strings.Join(lines, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s:\n%s\nwant\n%s", name, g, w)
	}
}
