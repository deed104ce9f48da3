package exchange

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	"github.com/lingerhttp/linger/flow"
)

// site answers with as many bytes as the path says, after reading the request.
func site(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	n, _ := strconv.Atoi(strings.Trim(r.URL.Path, "/"))
	if r.Header.Get("X-Hint") != "" {
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
	}
	if r.Header.Get("X-Trailer") != "" {
		w.Header().Set("Trailer", "Sum")
		defer w.Header().Set("Sum", "1")
	}
	w.Header().Set("X-Size", strconv.Itoa(n))
	for n > 0 {
		k := min(n, 30_000)
		_, _ = w.Write(make([]byte, k))
		n -= k
	}
}

// h2cTape records a client that speaks HTTP/2 in clear to the site: n requests, so
// many at once.
func h2cTape(t *testing.T, n, atOnce int) []taped {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: http.HandlerFunc(site), Protocols: &protocols}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(ln)
	defer server.Close()
	tape := new(tape)
	transport := &http.Transport{Protocols: &protocols, MaxConnsPerHost: 1, DisableCompression: true}
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return tape.record(c), nil
	}
	defer transport.CloseIdleConnections()
	ask(t, transport, "http://"+ln.Addr().String(), n, atOnce)
	return tape.of(0)
}

// ask sends n requests, so many at once, and reads the answers.
func ask(t *testing.T, transport http.RoundTripper, origin string, n, atOnce int) {
	t.Helper()
	var wg sync.WaitGroup
	slots := make(chan bool, atOnce)
	for i := range n {
		slots <- true
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { <-slots }()
			if err := askOnce(transport, origin, i); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
}

func askOnce(transport http.RoundTripper, origin string, i int) error {
	method, body := "GET", io.Reader(nil)
	if i%3 == 1 {
		method, body = "POST", bytes.NewReader(make([]byte, i*5_000))
	}
	req, err := http.NewRequest(method, fmt.Sprintf("%s/%d", origin, 1+i*7_001%200_000), body)
	if err != nil {
		return err
	}
	if i%4 == 2 {
		req.Header.Set("X-Hint", "1")
	}
	if i%5 == 3 {
		req.Header.Set("X-Trailer", "1")
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// h2Exchanges reads a tape in clear.
func h2Exchanges(all []taped, c cut, lose func(flow.Dir, int32) bool) []*Exchange {
	var told []*Exchange
	playTape(inClear{newHTTP2(func(e *Exchange) { told = append(told, e) })}, all, c, lose)
	return told
}

// framesOf walks the frames of a direction: for each stream how many bytes those of
// a type are, and where all of its message stand.
func framesOf(b []byte, d flow.Dir) (size map[uint32]int64, ranges map[uint32][]flow.Block) {
	size, ranges = make(map[uint32]int64), make(map[uint32][]flow.Block)
	at := int64(0)
	if d == flow.Up {
		at = int64(len(http2.ClientPreface))
	}
	stream := uint32(0)
	for at < int64(len(b)) {
		f := http2Header(b[at:])
		end := at + http2FrameHeader + int64(f.Length)
		switch f.Type {
		case http2.FrameHeaders, http2.FrameContinuation, http2.FrameData:
			stream = f.StreamID
			size[stream] += end - at
			r := ranges[stream]
			if n := len(r); n > 0 && r[n-1].To == at {
				r[n-1].To = end
			} else {
				r = append(r, flow.Block{From: at, To: end})
			}
			ranges[stream] = r
		}
		at = end
	}
	return size, ranges
}

func TestHTTP2InClear(t *testing.T) {
	for _, c := range []struct{ n, atOnce int }{{1, 1}, {12, 1}, {40, 8}} {
		all := h2cTape(t, c.n, c.atOnce)
		told := h2Exchanges(all, segments, nil)
		checkAgainstFrames(t, all, told, c.n)
		sameShapes(t, "cut into bytes", h2Exchanges(all, bytewise, nil), told)
		for seed := range uint64(20) {
			sameShapes(t, fmt.Sprint("cut by seed ", seed), h2Exchanges(all, randomly(rand.New(rand.NewPCG(seed, 2))), nil), told)
		}
	}
}

func checkAgainstFrames(t *testing.T, all []taped, told []*Exchange, n int) {
	t.Helper()
	if len(told) != n {
		t.Fatalf("%d exchanges of %d", len(told), n)
	}
	bytes := streams(all)
	for _, e := range told {
		if e.Problem != "" || !e.Request.Complete || !e.Response.Complete || e.Status != 200 || e.Protocol != "HTTP/2.0" {
			t.Errorf("%+v", e)
		}
		path := e.URL[strings.LastIndexByte(e.URL, '/')+1:]
		if !strings.HasPrefix(e.URL, "http://127.0.0.1:") || e.Header.Get("X-Size") != path {
			t.Errorf("%s has %v", e.URL, e.Header)
		}
		for d, m := range []Message{e.Request, e.Response} {
			sizes, ranges := framesOf(bytes[d], flow.Dir(d))
			got := slices.Clone(m.Ranges)
			total := m.Head + m.Body
			if d == 1 {
				for i := len(e.Interim) - 1; i >= 0; i-- {
					total += e.Interim[i].Head
					got = append(slices.Clone(e.Interim[i].Ranges), got...)
				}
			}
			if total != sizes[e.Stream] {
				t.Errorf("stream %d: %d bytes of %d", e.Stream, total, sizes[e.Stream])
			}
			if !slices.Equal(joined(got), ranges[e.Stream]) {
				t.Errorf("stream %d: ranges %v, want %v", e.Stream, joined(got), ranges[e.Stream])
			}
		}
	}
}

// joined merges ranges that touch: an interim response and what follows.
func joined(all []flow.Block) []flow.Block {
	var out []flow.Block
	for _, r := range all {
		if n := len(out); n > 0 && out[n-1].To == r.From {
			out[n-1].To = r.To
			continue
		}
		out = append(out, r)
	}
	return out
}

// TestHTTP2Holes loses packets of a response's body, and of anything: what is behind
// is paired all the same, as far as it can be.
func TestHTTP2Holes(t *testing.T) {
	all := h2cTape(t, 30, 3)
	whole := h2Exchanges(all, segments, nil)
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 7))
		lost := 0
		told := h2Exchanges(all, segments, func(d flow.Dir, packet int32) bool {
			if r.IntN(100) != 0 {
				return false
			}
			lost++
			return true
		})
		byStream := make(map[uint32]*Exchange)
		for _, e := range told {
			if byStream[e.Stream] != nil {
				t.Fatalf("seed %d: stream %d is told twice", seed, e.Stream)
			}
			byStream[e.Stream] = e
		}
		good := 0
		for _, e := range whole {
			switch got := byStream[e.Stream]; {
			case got == nil:
			case got.Problem == "" && (shape(got.Request) != shape(e.Request) || shape(got.Response) != shape(e.Response) || got.URL != e.URL || got.Status != e.Status):
				t.Fatalf("seed %d:\n%+v\nwant\n%+v", seed, got, e)
			case got.Problem == "":
				good++
			}
		}
		t.Logf("seed %d: %d packets lost, %d of %d exchanges told, %d without a problem", seed, lost, len(told), len(whole), good)
		if len(told) < len(whole)*2/3 {
			t.Errorf("seed %d: %d packets lost, %d of %d exchanges told", seed, lost, len(told), len(whole))
		}
	}
}

// TestHTTP2FromTheMiddle begins where the dynamic tables are not known.
func TestHTTP2FromTheMiddle(t *testing.T) {
	all := h2cTape(t, 20, 1)
	whole := h2Exchanges(all, segments, nil)
	skip := len(all) / 3
	told := h2Exchanges(all[skip:], segments, nil)
	if len(told) < 8 {
		t.Fatalf("%d exchanges are told", len(told))
	}
	known := 0
	for _, e := range told {
		i := slices.IndexFunc(whole, func(w *Exchange) bool { return w.Stream == e.Stream })
		if i < 0 {
			t.Fatalf("stream %d was never there", e.Stream)
		}
		w := whole[i]
		if e.URL != "" && e.URL != w.URL && !strings.HasSuffix(w.URL, e.URL) || e.Status != 0 && e.Status != w.Status {
			t.Errorf("stream %d is %s %d, want %s %d", e.Stream, e.URL, e.Status, w.URL, w.Status)
		}
		if e.URL == w.URL {
			known++
		} else if e.Problem == "" {
			t.Errorf("stream %d lacks its URL and has no problem: %+v", e.Stream, e)
		}
	}
	t.Logf("%d of %d exchanges have their URL", known, len(told))
}
