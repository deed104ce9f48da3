package origin

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// dial connects to the first origin and hangs up when the test ends.
func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.Bases()[0], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

// request writes one request, or several one behind the other.
func request(t *testing.T, nc net.Conn, paths ...string) {
	t.Helper()
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", p)
	}
	if _, err := io.WriteString(nc, b.String()); err != nil {
		t.Fatal(err)
	}
}

// ordered starts a server of the classic site with these faults.
func ordered(t *testing.T, faults string) *Server {
	t.Helper()
	f, err := ParseFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, Config{Site: Classic(), Faults: f})
}

// answers reads responses until the connection ends, and returns them with their
// bodies.
func answers(t *testing.T, nc net.Conn) (list []*http.Response, bodies [][]byte, err error) {
	t.Helper()
	in := bufio.NewReader(nc)
	for {
		if _, err := in.Peek(1); err != nil {
			return list, bodies, err
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return list, bodies, err
		}
		body, err := io.ReadAll(resp.Body)
		list, bodies = append(list, resp), append(bodies, body)
		if err != nil {
			return list, bodies, err
		}
	}
}

func TestCloseAfter(t *testing.T) {
	for _, test := range []struct {
		faults    string
		announced bool
	}{{"close-after=3", true}, {"close-after=3,unannounced", false}} {
		t.Run(test.faults, func(t *testing.T) {
			s := ordered(t, test.faults)
			nc := dial(t, s)
			paths, err := s.site.Paths()
			if err != nil {
				t.Fatal(err)
			}
			request(t, nc, paths[:8]...)
			list, bodies, err := answers(t, nc)
			if len(list) != 3 || err != io.EOF {
				t.Fatalf("%d answers, then %v; want 3, then the end", len(list), err)
			}
			for i, resp := range list {
				if resp.Close != (test.announced && i == 2) {
					t.Errorf("answer %d: close is %v", i+1, resp.Close)
				}
				if !bytes.Equal(bodies[i], bytesOf(t, s.Objects()[i])) {
					t.Errorf("answer %d is damaged", i+1)
				}
			}
		})
	}
}

func TestHTTP10(t *testing.T) {
	s := ordered(t, "http10")
	nc := dial(t, s)
	request(t, nc, "/", "/img/banner.gif")
	raw, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(raw, []byte("HTTP/1.0 200 OK\r\n")) {
		t.Errorf("begins with %.40q", raw)
	}
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !bytes.Equal(body, bytesOf(t, s.Objects()[0])) {
		t.Errorf("%d bytes of body after %q, and no second answer was to come", len(body), head)
	}
	for _, field := range []string{"Content-Length: 43008", "Content-Type: text/html", "Date: "} {
		if !bytes.Contains(head, []byte("\r\n"+field)) {
			t.Errorf("no %s in %q", field, head)
		}
	}
	for _, field := range []string{"Transfer-Encoding", "Connection"} {
		if bytes.Contains(head, []byte("\r\n"+field)) {
			t.Errorf("%s in %q", field, head)
		}
	}
}

func TestFraming(t *testing.T) {
	for _, test := range []struct {
		faults, encoding string
		close            bool
	}{
		{"no-length", "", true},
		{"chunked", "chunked", false},
		{"http10,chunked", "", true},
		{"http10,no-length", "", true},
	} {
		t.Run(test.faults, func(t *testing.T) {
			s := ordered(t, test.faults)
			for i, o := range s.Objects()[:3] {
				resp, body, err := get(t, clientOfServer(t, s, "http1"), s.URLs()[i])
				if err != nil || !bytes.Equal(body, bytesOf(t, o)) {
					t.Errorf("%s: %d bytes of %d, %v", o.Path, len(body), o.Size, err)
				}
				if resp.ContentLength != -1 || strings.Join(resp.TransferEncoding, ",") != test.encoding || resp.Close != test.close {
					t.Errorf("%s: length %d, transfer encoding %q, close %v", o.Path, resp.ContentLength, resp.TransferEncoding, resp.Close)
				}
			}
		})
	}
}

func TestBreaksOfTheBody(t *testing.T) {
	const half = classicDocument / 2
	for _, test := range []struct {
		faults string
		got    int
		want   error
	}{
		{"reset-body", half, syscall.ECONNRESET},
		{"reset-body=1k", 1000, syscall.ECONNRESET},
		{"truncate", half, io.ErrUnexpectedEOF},
		{"truncate=1", 1, io.ErrUnexpectedEOF},
		{"truncate=1,http10", 1, io.ErrUnexpectedEOF},
		{"reset-body=20k,http10", 20000, syscall.ECONNRESET},
		{"truncate,chunked", half, io.ErrUnexpectedEOF},
		{"truncate=1M", classicDocument, nil},
	} {
		t.Run(test.faults, func(t *testing.T) {
			s := ordered(t, test.faults)
			_, body, err := get(t, clientOfServer(t, s, "http1"), s.URL())
			if len(body) != test.got || !errors.Is(err, test.want) {
				t.Errorf("%d bytes, then %v; want %d, then %v", len(body), err, test.got, test.want)
			}
			if want := bytesOf(t, s.Objects()[0]); !bytes.HasPrefix(want, body) {
				t.Error("what came is not the beginning of the object")
			}
		})
	}
}

func TestBreaksOfTheBodyHTTP2(t *testing.T) {
	for _, faults := range []string{"reset-body", "truncate"} {
		t.Run(faults, func(t *testing.T) {
			s := ordered(t, faults)
			_, body, err := get(t, clientOfServer(t, s, "h2c"), s.URL())
			if len(body) != classicDocument/2 || err == nil || !strings.Contains(err.Error(), "stream error") {
				t.Errorf("%d bytes, then %v", len(body), err)
			}
		})
	}
}

func TestNeverAnswer(t *testing.T) {
	s := ordered(t, "never-answer,path=/img/banner.gif")
	nc := dial(t, s)
	request(t, nc, "/", "/img/banner.gif")
	waitFor(t, "both requests to be read", func() bool { return s.Stats().Requests == 2 })
	if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	// The server hangs up, having written nothing, once the client has.
	list, _, err := answers(t, nc)
	if len(list) != 1 || err != io.EOF {
		t.Errorf("%d answers, then %v", len(list), err)
	}
}

func TestGarbage(t *testing.T) {
	s := ordered(t, "garbage")
	if resp, err := clientOfServer(t, s, "http1").Get(s.URL()); err == nil || !strings.Contains(err.Error(), "malformed HTTP") {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestEndlessHead(t *testing.T) {
	s := ordered(t, "endless-head")
	nc := dial(t, s)
	request(t, nc, "/")
	const much = 4 << 20
	head, err := io.ReadAll(io.LimitReader(nc, much))
	if err != nil || len(head) != much || bytes.Contains(head, []byte("\r\n\r\n")) {
		t.Errorf("%d bytes of a head, %v", len(head), err)
	}
	if _, err := clientOfServer(t, s, "http1").Get(s.URL()); err == nil || !strings.Contains(err.Error(), "header") {
		t.Errorf("net/http: %v", err)
	}
}

func TestRedirectLoop(t *testing.T) {
	s := ordered(t, "redirect-loop,path=/img/banner.gif")
	_, err := clientOfServer(t, s, "http1").Get(s.Bases()[0] + "/img/banner.gif?a=b")
	if err == nil || !strings.Contains(err.Error(), "stopped after 10 redirects") || !strings.Contains(err.Error(), "?a=b") {
		t.Error(err)
	}
}

// The stream of HTTP/2 goes wrong, the connection stays.
func TestWordlessHTTP2(t *testing.T) {
	for _, faults := range []string{"garbage,every=2", "endless-head,every=2"} {
		t.Run(faults, func(t *testing.T) {
			s := ordered(t, faults)
			c := clientOfServer(t, s, "h2c")
			for i := 1; i <= 4; i++ {
				resp, err := c.Get(s.URL())
				if (err != nil) != (i%2 == 0) {
					t.Errorf("request %d: %v", i, err)
				}
				if err == nil {
					resp.Body.Close()
				}
			}
			if got := s.Stats().Accepted; got != 1 {
				t.Errorf("%d connections", got)
			}
		})
	}
}

// One object is ill, every second time; the document is well.
func TestPathAndEvery(t *testing.T) {
	s := ordered(t, "truncate,path=/img/*,every=2")
	c := clientOfServer(t, s, "http1")
	for i := 1; i <= 6; i++ {
		if _, _, err := get(t, c, s.URL()); err != nil {
			t.Errorf("document: %v", err)
		}
		_, _, err := get(t, c, s.Bases()[0]+"/img/banner.gif")
		if ill := err != nil; ill != (i%2 == 0) {
			t.Errorf("image, time %d: %v", i, err)
		}
	}
}

func TestCloseAfterHTTP2(t *testing.T) {
	s := ordered(t, "close-after=3")
	c := clientOfServer(t, s, "h2c")
	for range 9 {
		if _, body, err := get(t, c, s.URL()); err != nil || len(body) != classicDocument {
			t.Errorf("%d bytes, %v", len(body), err)
		}
	}
	// A client that begins the fourth before it has read the GOAWAY is refused, and
	// comes again on another connection: that was an exchange, too.
	if got := s.Stats().Accepted; got < 3 || got > 5 {
		t.Errorf("9 exchanges took %d connections, want 3, or a few more", got)
	}
}

func TestMaxConnsReset(t *testing.T) {
	s := ordered(t, "max-conns=2,reset")
	held := []net.Conn{dial(t, s), dial(t, s)}
	waitFor(t, "two connections", func() bool { return s.Stats().Open == 2 })
	if err := beyond(s); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the third ends with %v", err)
	}
	if got := s.Stats(); got.Turned != 1 || got.Accepted != 2 || got.MostOpen != 2 {
		t.Errorf("%+v", got)
	}
	for _, nc := range held {
		wantAnswer(t, nc)
	}
	held[0].Close()
	waitFor(t, "one to end", func() bool { return s.Stats().Open == 1 })
	wantAnswer(t, dial(t, s))
}

// beyond makes a connection and says what became of it: nil if it was closed in
// order. A reset can come before the dialler has looked.
func beyond(s *Server) error {
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.Bases()[0], "http://"))
	if err != nil {
		return err
	}
	defer nc.Close()
	_, err = io.ReadAll(nc)
	return err
}

// Clients that come back until they are served are all served, and never are
// more connections open than allowed.
func TestMaxConnsUnderPressure(t *testing.T) {
	for _, faults := range []string{"max-conns=2", "max-conns=2,reset", "max-conns=1,close-after=2", "max-conns=2,http10"} {
		t.Run(faults, func(t *testing.T) {
			s := orderedOrSkip(t, faults)
			var clients sync.WaitGroup
			for range 6 {
				clients.Add(1)
				go fetchStubbornly(t, s, &clients)
			}
			clients.Wait()
			most, _ := strconv.Atoi(faults[len("max-conns="):][:1])
			if got := s.Stats(); got.MostOpen != most {
				t.Errorf("%d connections were open at once, want %d: %+v", got.MostOpen, most, got)
			}
		})
	}
}

// fetchStubbornly fetches ten objects, each on a connection of its own, and
// tries again when it is turned away.
func fetchStubbornly(t *testing.T, s *Server, done *sync.WaitGroup) {
	defer done.Done()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i, o := range s.Objects()[:10] {
		for try := 0; ; try++ {
			resp, err := c.Get(s.URLs()[i])
			if err == nil {
				var n int64
				n, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err == nil && n != o.Size {
					t.Errorf("%s has %d bytes", o.Path, n)
				}
			}
			if err == nil {
				break
			}
			turned := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
			if !turned || try == 1e5 {
				t.Errorf("%s, try %d: %v", o.Path, try, err)
				return
			}
			runtime.Gosched()
		}
	}
}

// orderedOrSkip is ordered, where the system can do it.
func orderedOrSkip(t *testing.T, faults string) *Server {
	t.Helper()
	f, err := ParseFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	probe, err := Start(Config{Site: Classic(), Faults: f})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("not on this system:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	probe.Close()
	return start(t, Config{Site: Classic(), Faults: f})
}

// Inside of TLS the same things happen; a reset is one of the TCP connection.
func TestFaultsOverTLS(t *testing.T) {
	for _, test := range []struct {
		faults string
		got    int
		want   string
	}{
		{"reset-body", classicDocument / 2, "connection reset"},
		{"truncate=100", 100, "unexpected EOF"},
		{"http10", classicDocument, ""},
		{"close-after=1,unannounced", classicDocument, ""},
		{"no-length", classicDocument, ""},
		{"chunked,rate=10M", classicDocument, ""},
	} {
		t.Run(test.faults, func(t *testing.T) {
			f, err := ParseFaults(test.faults)
			if err != nil {
				t.Fatal(err)
			}
			s := start(t, Config{Site: Classic(), TLS: true, Faults: f})
			_, body, err := get(t, clientOfServer(t, s, "https1"), s.URL())
			if len(body) != test.got || (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%d bytes, then %v; want %d, then %q", len(body), err, test.got, test.want)
			}
		})
	}
}

func wantAnswer(t *testing.T, nc net.Conn) {
	t.Helper()
	request(t, nc, "/")
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		t.Errorf("%s, %v", resp.Status, err)
	}
}

// Each answer takes at least its think time and what its bytes take at the rate.
func TestThinkTimeAndRate(t *testing.T) {
	const think, rate = 30 * time.Millisecond, 100e3
	s := ordered(t, "think=30ms,rate=100k")
	c := clientOfServer(t, s, "http1")
	url := s.Bases()[0] + "/img/photo7.gif" // 10,240 bytes
	begin := time.Now()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if took := time.Since(begin); took < think {
		t.Errorf("the head came after %v", took)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || len(body) != 10240 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if took, least := time.Since(begin), think+10240*time.Second/rate; took < least {
		t.Errorf("all came after %v, before %v", took, least)
	}
}

func TestDueAt(t *testing.T) {
	for _, test := range []struct {
		n, rate int64
		want    time.Duration
	}{
		{0, 1, 0},
		{1, 1, time.Second},
		{1, 3, 333333333},
		{1500, 1000, 1500 * time.Millisecond},
		{10 << 30, 1, 100 * 365 * 24 * time.Hour},
		{1 << 40, 1 << 30, 1024 * time.Second},
	} {
		if got := dueAt(test.n, test.rate); got != test.want {
			t.Errorf("byte %d at %d/s: %v, want %v", test.n, test.rate, got, test.want)
		}
	}
	for rate, want := range map[int64]int{1: 1, 49: 1, 1000: 20, 1e6: 20000, 1e12: 32 << 10} {
		if got := pieceAt(rate); got != want {
			t.Errorf("pieces at %d/s: %d, want %d", rate, got, want)
		}
	}
}
