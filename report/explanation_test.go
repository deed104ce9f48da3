package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/lingerhttp/linger/timeline"
)

// sampleExplanation has every cause, a failure, an exchange whose boundaries were
// inferred, one that took no time, and hostile text.
func sampleExplanation(t testing.TB) *Explanation {
	t.Helper()
	const site = "http://origin"
	document := exchange(1, site+"/", 12, conn(1), 1,
		leg{timeline.DNS, timeline.NameLookup, 8, "the name origin was looked up"},
		leg{timeline.Connect, timeline.SYNRetry, 30, "the first SYN was lost"},
		leg{timeline.Connect, timeline.Handshake, 40, "SYN to SYN-ACK"},
		leg{timeline.Send, timeline.Propagation, 20, "the request was on its way"},
		leg{timeline.Wait, timeline.Server, 35, "the server took 35 ms to begin its answer"},
		leg{timeline.Receive, timeline.Propagation, 20, ""},
		leg{timeline.Receive, timeline.SlowStart, 38, "14,480 bytes had been sent, and the window had room for no more until the ACK of packet 31 came"},
		leg{timeline.Receive, timeline.Transfer, 22, ""})
	post := exchange(2, site+"/api/orders?page=2", 240, conn(1), 2,
		leg{timeline.Queue, timeline.Queued, 9, ""}, leg{timeline.Send, timeline.Nagle, 12, ""}, leg{timeline.Send, timeline.DelayedACK, 28, ""},
		leg{timeline.Wait, timeline.Server, 6, ""}, leg{timeline.Receive, timeline.Unknown, 11, ""})
	post.Method = "POST"
	secure := exchange(3, "https://static.example.net/inter-latin-400.woff2", 250, conn(2), 1,
		leg{timeline.Connect, timeline.Handshake, 40, ""}, leg{timeline.TLS, timeline.TLSHandshake, 80, ""},
		leg{timeline.Receive, timeline.Loss, 45, ""}, leg{timeline.Receive, timeline.Congestion, 40, ""}, leg{timeline.Receive, timeline.ReceiveWindow, 33, ""},
		leg{timeline.Receive, timeline.HeadOfLine, 20, ""}, leg{timeline.Receive, timeline.Queueing, 25, ""}, leg{timeline.Receive, timeline.Stall, 30, ""}, leg{timeline.Receive, timeline.Client, 18, ""})
	cut := exchange(4, hostileURL, 300, conn(2), 2, leg{timeline.Wait, timeline.Server, 60, hostileNote})
	cut.Status = 0
	instant := exchange(5, site+"/instant", 350, conn(1), 3, leg{timeline.Receive, timeline.Transfer, 0.001, ""})
	x := &Explanation{
		File: "run.pcapng", Begin: epoch, Time: 620 * time.Millisecond, Packets: 1234,
		Connections: 2, Exchanges: 48, Failed: 1, LeftOut: 43,
		Sent: timeline.Bytes{Header: 5_400, Body: 120}, Received: timeline.Bytes{Header: 11_000, Body: 871_000},
		Notes:   []string{`each packet is in the file once for every interface; the first that has a connection was taken: "client"`},
		Defects: []string{"12 packets were cut off at 96 bytes; tcpdump -s 0 keeps all of each.", "The capture is " + hostileNote},
		Remedies: []Remedy{
			{"initial-window", 76 * time.Millisecond, 1, "let the server begin with a larger congestion window: ip route change default via GATEWAY initcwnd 32."},
			{"nodelay", 40 * time.Millisecond, 1, "turn Nagle's algorithm off at the client: net.TCPConn.SetNoDelay(true), which is Go's default."},
		},
	}
	for _, e := range []*timeline.Exchange{document, post, secure, cut, instant} {
		x.Entries = append(x.Entries, explained(e))
	}
	x.Entries[0].Spans[6].Evidence, x.Entries[0].Spans[6].Certainty = []int{17, 30, 31, 32}, 0.97
	x.Entries[0].Savings = []Saving{{"initial-window", 38 * time.Millisecond}}
	x.Entries[2].Inferred = true
	x.Entries[3].Failed, x.Entries[3].Problem = true, "the capture ended before the response came"
	x.Causes = sumsOf(x)
	x.Spent = x.spent()
	x.Pictures = []Picture{samplePicture()}
	return x
}

// explained adds the causes' sums, as who makes an explanation does.
func explained(e *timeline.Exchange) Explained {
	x := Explained{Exchange: e, Causes: make(map[timeline.Cause]time.Duration)}
	for _, s := range e.Spans {
		x.Causes[s.Cause] += s.Duration()
		if x.Causes[s.Cause] > x.Causes[x.Main] {
			x.Main = s.Cause
		}
	}
	return x
}

func sumsOf(x *Explanation) []CauseSum {
	var all []CauseSum
	for c := range timeline.Cause(timeline.NumCauses) {
		sum := CauseSum{Cause: c, Meaning: "what " + c.String() + " means"}
		for _, e := range x.Entries {
			if e.Causes[c] > 0 {
				sum.Exchanges++
				sum.Time += e.Causes[c]
			}
		}
		all = append(all, sum)
	}
	return all
}

func (x *Explanation) spent() (all time.Duration) {
	for _, c := range x.Causes {
		all += c.Time
	}
	for i := range x.Causes {
		x.Causes[i].Share = share(x.Causes[i].Time, all)
	}
	return all
}

// samplePicture is a response in slow start, with a loss.
func samplePicture() Picture {
	p := Picture{Conn: conn(1), Sender: "server", From: 12 * time.Millisecond, To: 260 * time.Millisecond, Note: "300 more segments are not shown."}
	at, offset := 145*time.Millisecond, int64(0)
	p.Other = []PictureSegment{{At: 90 * time.Millisecond, To: 300}}
	p.Windows = []PictureStep{{90 * time.Millisecond, 64_000}}
	for round := range 3 {
		for range 10 << round {
			p.Data = append(p.Data, PictureSegment{At: at, From: offset, To: offset + 1448})
			offset += 1448
			at += 300 * time.Microsecond
		}
		at += 25 * time.Millisecond
		p.ACKs = append(p.ACKs, PictureStep{at - time.Millisecond, offset})
		p.Windows = append(p.Windows, PictureStep{at - time.Millisecond, offset + 64_000})
	}
	p.Again = []PictureSegment{{at, 28_960, 30_408, "packet 99: retransmitted upon three duplicate ACKs"}}
	p.Top = offset
	p.Bands = []PictureBand{
		{timeline.NameLookup, 12 * time.Millisecond, 20 * time.Millisecond, 1}, {timeline.Handshake, 20 * time.Millisecond, 90 * time.Millisecond, 1},
		{timeline.Server, 90 * time.Millisecond, 145 * time.Millisecond, 1}, {timeline.SlowStart, 148 * time.Millisecond, 173 * time.Millisecond, 1},
		{timeline.Transfer, 173 * time.Millisecond, 179 * time.Millisecond, 1}, {timeline.Loss, at, 260 * time.Millisecond, 1},
	}
	return p
}

// togetherExplanation has many short exchanges over a long time: their bars begin
// together.
func togetherExplanation(t testing.TB) *Explanation {
	x := sampleExplanation(t)
	x.Entries, x.Pictures, x.LeftOut, x.Notes, x.Defects = nil, nil, 0, nil, nil
	for i := range 5 {
		e := exchange(i+1, fmt.Sprintf("http://origin/img/%d.png", i), float64(i)*9000, conn(1), i+1,
			leg{timeline.Send, timeline.Propagation, 20, ""}, leg{timeline.Wait, timeline.Server, float64(30 * i), ""}, leg{timeline.Receive, timeline.Transfer, 10, ""})
		x.Entries = append(x.Entries, explained(e))
	}
	return x
}

// explanationTexts are the renderings for a terminal.
func explanationTexts(t testing.TB) map[string]func(io.Writer, Terminal) error {
	return map[string]func(io.Writer, Terminal) error{
		"explain":          sampleExplanation(t).WriteText,
		"explain-together": togetherExplanation(t).WriteText,
		"explain-spans":    sampleExplanation(t).WriteSpans,
		"explain-empty":    (&Explanation{File: "x"}).WriteText,
	}
}

func TestExplanationGolden(t *testing.T) {
	for name, write := range explanationTexts(t) {
		for _, suffix := range []string{"40", "80", "80-color", "80-ascii", "120"} {
			golden(t, name+"-"+suffix+".txt", func(w io.Writer) error { return write(w, terminals[suffix]) })
		}
	}
	golden(t, "explain.json", sampleExplanation(t).WriteJSON)
	golden(t, "explain-empty.json", (&Explanation{}).WriteJSON)
}

var anySGR = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Whatever the width: no line is wider, no control character of a server's is
// left, and colour changes nothing but colour.
func TestExplanationFitsAndIsClean(t *testing.T) {
	for name, write := range explanationTexts(t) {
		for width := 32; width <= 210; width++ {
			var plain, colored, ascii bytes.Buffer
			err := errors.Join(write(&plain, Terminal{Width: width}), write(&colored, Terminal{Width: width, Color: true}), write(&ascii, Terminal{Width: width, ASCII: true}))
			if err != nil {
				t.Fatal(err)
			}
			if stripped := anySGR.ReplaceAllString(colored.String(), ""); stripped != plain.String() {
				t.Errorf("%s at %d: colour changes the text", name, width)
			}
			for line := range strings.Lines(plain.String()) {
				line = strings.TrimSuffix(line, "\n")
				if columns(line) > width {
					t.Errorf("%s at %d: %d columns: %q", name, width, columns(line), line)
				}
				if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
					t.Errorf("%s at %d: %q has a control character", name, width, line)
				}
			}
			if i := strings.IndexFunc(ascii.String(), func(r rune) bool { return r > '~' }); i >= 0 {
				t.Errorf("%s at %d: not ASCII: %q", name, width, ascii.String()[i:i+4])
			}
		}
	}
}

// Each cause has a letter of its own, whatever its case, and a colour.
func TestCauseLooks(t *testing.T) {
	letters, colors := make(map[string]timeline.Cause), make(map[string]timeline.Cause)
	for c := range timeline.Cause(timeline.NumCauses) {
		l := lookOf(c)
		if other, taken := letters[strings.ToLower(l.letter)]; taken || len(l.letter) != 1 {
			t.Errorf("%v and %v have the letter %q", c, other, l.letter)
		}
		letters[strings.ToLower(l.letter)] = c
		for _, color := range []string{"l" + l.light, "d" + l.dark, "t" + string(l.color)} {
			if other, taken := colors[color]; taken {
				t.Errorf("%v and %v have the colour %s", c, other, color[1:])
			}
			colors[color] = c
		}
	}
	if lookOf(timeline.Cause(timeline.NumCauses)).letter != "?" {
		t.Error("a cause out of range has a look of its own")
	}
}
