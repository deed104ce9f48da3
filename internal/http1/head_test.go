package http1

import "testing"

func TestHeadEnd(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     int
	}{
		{"empty", "", 0},
		{"no line yet", "HTTP/1.1 200", 0},
		{"status line", "HTTP/1.1 200 OK\r\n", 0},
		{"no fields", "HTTP/1.1 200 OK\r\n\r\n", 19},
		{"a field", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 25},
		{"a body behind", "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n", 25},
		{"lone LFs", "HTTP/1.1 200 OK\nA: b\n\n", 22},
		{"LF, then CRLF", "HTTP/1.1 200 OK\nA: b\n\r\n", 23},
		{"CRLF, then LF", "HTTP/1.1 200 OK\r\nA: b\r\n\n", 24},
		{"a line of one space is not empty", "HTTP/1.1 200 OK\r\nA: b\r\n \r\n", 0},
		{"a bare CR is no line", "HTTP/1.1 200 OK\r\nA: b\r\n\r", 0},
		{"two CRs", "HTTP/1.1 200 OK\r\nA: b\r\n\r\r\n", 0},
	} {
		if end, _ := HeadEnd([]byte(test.in), 0); end != test.want {
			t.Errorf("%s: end %d, want %d", test.name, end, test.want)
		}
		if end := headEndInPieces([]byte(test.in)); end != test.want {
			t.Errorf("%s: octet by octet: end %d, want %d", test.name, end, test.want)
		}
	}
}

// headEndInPieces asks again after each octet, going on from where the last
// search stopped.
func headEndInPieces(b []byte) int {
	from := 0
	for i := range len(b) + 1 {
		end, next := HeadEnd(b[:i], from)
		if end != 0 {
			return end
		}
		from = next
	}
	return 0
}

// The search goes on at most two octets before the end of what it has seen, so
// it looks at each octet a bounded number of times.
func TestHeadEndIsLinear(t *testing.T) {
	head := []byte("HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n")
	from := 0
	for i := range len(head) + 1 {
		_, from = HeadEnd(head[:i], from)
		if from < i-2 || from > i {
			t.Fatalf("after %d octets the search goes on from %d", i, from)
		}
	}
}

func TestEmptyLines(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "GET / HTTP/1.1\r\n": 0, "\r\nGET / HTTP/1.1\r\n": 2, "\r\n\r\n\r\n": 6, "\r": 0, "\n": 0,
	} {
		if n := EmptyLines([]byte(in)); n != want {
			t.Errorf("EmptyLines(%q) = %d, want %d", in, n, want)
		}
	}
}

func TestPlausibleResponse(t *testing.T) {
	for _, plausible := range []string{
		"", "H", "HTTP/", "HTTP/1", "HTTP/1.", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 2",
		"HTTP/1.1 200", "HTTP/1.1 200\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/2.0 200",
	} {
		if !PlausibleResponse([]byte(plausible)) {
			t.Errorf("%q is not plausible", plausible)
		}
	}
	for _, garbage := range []string{
		"\r", "\n", "\r\nHTTP/1.1 200 OK", " HTTP", "http/1.1 200", "HTTP/11 200", "HTTP/1.10 200",
		"HTTP/1.1  200", "HTTP/1.1 2x0", "HTTP/x", "ICY 200 OK", "<html>", "SSH-2.0-OpenSSH",
		"\x16\x03\x01", "\x00",
	} {
		if PlausibleResponse([]byte(garbage)) {
			t.Errorf("%q is plausible", garbage)
		}
	}
}

// Every head that the parser takes must have looked plausible at each octet.
func TestParsedIsPlausible(t *testing.T) {
	for i := range eightFields {
		if !PlausibleResponse(eightFields[:i]) {
			t.Errorf("%q is not plausible", eightFields[:i])
		}
	}
}
