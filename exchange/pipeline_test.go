package exchange

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lingerhttp/linger/flow"
)

// TestPipelinesOverABadLink: 288 exchanges in pipelines, over a link and with a
// capture as a mobile client in a train has them. Of the pairs, at most three may be
// wrong or missing in any of the conversations.
func TestPipelinesOverABadLink(t *testing.T) {
	const exchanges, bar, seeds = 288, 285, 40
	worst, sum := exchanges, 0
	for seed := range uint64(seeds) {
		right, wrong := newTrain(seed).run(exchanges)
		if right < bar {
			t.Errorf("seed %d: %d of %d pairs are right", seed, right, exchanges)
			for _, what := range wrong {
				t.Log(what)
			}
		}
		worst, sum = min(worst, right), sum+right
	}
	t.Logf("of %d pairs, %.1f are right on average, %d at worst", exchanges, float64(sum)/seeds, worst)
}

// A train is a page's objects, fetched in pipelines by a client that moves.
type train struct {
	rng     *rand.Rand
	objects []object
	right   int
	wrong   []string
}

// An object is one of the page's: fetched, and perhaps lost under way and fetched again.
type object struct {
	path, kind string
	size       int
	cached     bool // the client has it: 304
}

func newTrain(seed uint64) *train { return &train{rng: rand.New(rand.NewPCG(seed, 5))} }

// run fetches n objects over some 12 connections, and counts the pairs that are right.
func (tr *train) run(n int) (right int, wrong []string) {
	for i := range n {
		tr.objects = append(tr.objects, tr.object(i))
	}
	todo := tr.objects
	for len(todo) > 0 {
		k := min(len(todo), 20+tr.rng.IntN(12))
		dies := tr.rng.IntN(5) == 0
		done := tr.connection(todo[:k], dies)
		todo = append(append([]object(nil), todo[done:k]...), todo[k:]...)
	}
	return tr.right, tr.wrong
}

func (tr *train) object(i int) object {
	r := tr.rng.IntN(100)
	o := object{cached: tr.rng.IntN(12) == 0}
	ext := "html"
	switch {
	case r < 40:
		ext, o.kind, o.size = "gif", "image/gif", 40+tr.rng.IntN(3000)
	case r < 70:
		ext, o.kind, o.size = "png", "image/png", 200+tr.rng.IntN(20_000)
	case r < 80:
		ext, o.kind, o.size = "css", "text/css", 500+tr.rng.IntN(8000)
	default:
		o.kind, o.size = "text/html; charset=utf-8", 300+tr.rng.IntN(30_000)
	}
	o.path = fmt.Sprintf("/o/%d.%s", i, ext)
	return o
}

func (o *object) request() string {
	s := "GET " + o.path + " HTTP/1.1\r\nHost: train.example\r\nUser-Agent: Mozilla/5.0 (a browser of some years ago)\r\nAccept: */*\r\n"
	if o.cached {
		s += "If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT\r\n"
	}
	return s + "\r\n"
}

func (o *object) head() string {
	s := "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: Apache/2.2 (Unix)\r\nLast-Modified: Mon, 01 Jan 2001 00:00:00 GMT\r\nKeep-Alive: timeout=15, max=93\r\nConnection: Keep-Alive\r\n"
	if o.cached {
		return "HTTP/1.1 304 Not Modified\r\n" + s + "\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\nContent-Type: %s\r\n\r\n", s, o.size, o.kind)
}

// A sent is a stream as it was sent, and where each message in it begins.
type sent struct {
	b      []byte
	starts []int64
}

// connection fetches objects over one connection, of which the last ones may find no
// answer, and returns how many were answered.
func (tr *train) connection(objects []object, dies bool) (answered int) {
	var up, down sent
	for _, o := range objects {
		up.add(o.request())
		down.add(o.head() + string(tr.body(&o)))
	}
	answered = len(objects)
	if dies {
		answered = tr.rng.IntN(len(objects))
		cut := down.starts[answered]
		cut += tr.rng.Int64N(int64(len(down.b)) - cut)
		down.b = down.b[:cut]
	}
	c := begun()
	got := map[int64]*Exchange{} // by the offset of the request
	sink := New(c, nil, func(e *Exchange) { got[e.Request.Start()] = e })
	lost := tr.play(sink, up, down, dies)
	tr.grade(objects[:answered], up, down, got, lost)
	return answered
}

func (s *sent) add(text string) {
	s.starts = append(s.starts, int64(len(s.b)))
	s.b = append(s.b, text...)
}

func (tr *train) body(o *object) []byte {
	if o.cached {
		return nil
	}
	b := make([]byte, o.size)
	for i := range b {
		b[i] = byte(tr.rng.Uint32())
	}
	return b
}

// play tells the Sink of both streams, in segments. Four requests are under way at
// once. What was retransmitted comes late, together with what waited behind it; some
// segments are not in the capture. It returns the holes of the server's stream.
func (tr *train) play(sink flow.Sink, up, down sent, dies bool) (holes []flow.Block) {
	const depth, mss = 4, 1380
	at, packet := int64(1e9), int32(0)
	sentUp, sentDown := int64(0), int64(0)
	end := func(starts []int64, i int, all []byte) int64 {
		if i >= len(starts) {
			return int64(len(all))
		}
		return min(starts[i], int64(len(all)))
	}
	for i := range up.starts {
		if i == 0 {
			to := end(up.starts, depth, up.b)
			packet++
			sink.Data(flow.Up, 0, up.b[:to], at, packet)
			sentUp = to
		}
		asked := end(down.starts, i+depth, down.b) // for as much
		for to := end(down.starts, i+1, down.b); sentDown < to; {
			n := min(mss, asked-sentDown)
			at += 10e6
			packet++
			switch r := tr.rng.IntN(1000); {
			case r < 25: // it is not in the capture
				if tr.rng.IntN(3) == 0 {
					n = min(n+mss*tr.rng.Int64N(3), asked-sentDown)
				}
				sink.Missing(flow.Down, sentDown, n, at, packet)
				holes = append(holes, flow.Block{From: sentDown, To: sentDown + n})
			case r < 100: // it came late, and what was behind it at once
				at += 600e6
				n = min(n+mss*tr.rng.Int64N(20), asked-sentDown)
				sink.Data(flow.Down, sentDown, down.b[sentDown:sentDown+n], at, packet)
			default:
				sink.Data(flow.Down, sentDown, down.b[sentDown:sentDown+n], at, packet)
			}
			sentDown += n
		}
		if sentDown == int64(len(down.b)) && dies {
			break
		}
		if to := end(up.starts, i+1+depth, up.b); to > sentUp {
			at += 5e6
			packet++
			sink.Data(flow.Up, sentUp, up.b[sentUp:to], at, packet)
			sentUp = to
		}
	}
	how := flow.ByFIN
	if dies {
		how = flow.How(tr.rng.IntN(2) * 2) // reset, or silence
	}
	sink.End(flow.Up, at, how)
	sink.End(flow.Down, at, how)
	return holes
}

// grade counts the pairs that are right. Where a response's beginning is not in the
// capture, that is to be said, and no other is to be taken for it.
func (tr *train) grade(objects []object, up, down sent, got map[int64]*Exchange, holes []flow.Block) {
	for i := range objects {
		e := got[up.starts[i]]
		hidden := hides(holes, down.starts[i])
		switch {
		case e == nil:
			tr.miss("%s was not told", objects[i].path)
		case !hidden && e.Response.Start() != down.starts[i]:
			tr.miss("%s has the response at %d, not at %d (%s)", objects[i].path, e.Response.Start(), down.starts[i], e.Problem)
		case hidden && (e.Response.First != 0 || e.Problem == ""):
			tr.miss("%s has the response at %d, though its own is not in the capture: %v, %q", objects[i].path, e.Response.Start(), holes, e.Problem)
		default:
			tr.right++
		}
	}
}

func (tr *train) miss(format string, args ...any) {
	tr.wrong = append(tr.wrong, fmt.Sprintf(format, args...))
}

func hides(holes []flow.Block, offset int64) bool {
	for _, h := range holes {
		if h.From <= offset && offset < h.To {
			return true
		}
	}
	return false
}
