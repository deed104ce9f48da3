package exchange

import (
	"net/netip"
	"testing"

	"github.com/lingerhttp/linger/flow"
)

const (
	getA = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"           // 28 bytes
	getB = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"           //
	getC = "GET /c HTTP/1.1\r\nHost: h\r\n\r\n"           //
	okay = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" // 38 bytes
)

func TestHTTP1(t *testing.T) {
	for name, test := range map[string]struct {
		lines script
		want  []string
	}{
		"one": {
			script{"> " + getA, "< " + okay + "hello"},
			[]string{"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@2-2"},
		},
		"bytes in pieces": {
			script{"> GET /a HT", "> TP/1.1\r\nHost: h\r\n\r", "> \n", "< HT", "< TP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "< lo"},
			[]string{"1 GET http://h/a 200 up 0+28+0@1-3 down 0+38+5@4-6"},
		},
		"one after another": {
			script{"> " + getA, "< " + okay + "hello", "> " + getB, "< " + okay + "hello", ">.", "<."},
			[]string{"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@2-2", "2 GET http://h/b 200 up 28+28+0@3-3 down 43+38+5@4-4"},
		},
		"pipelined": {
			script{"> " + getA + getB, "> " + getC, "< " + okay + "hel", "< lo" + okay + "hello" + okay, "< hello"},
			[]string{
				"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@3-4", "2 GET http://h/b 200 up 28+28+0@1-1 down 43+38+5@4-4",
				"3 GET http://h/c 200 up 56+28+0@2-2 down 86+38+5@4-5",
			},
		},
		"chunked both ways": {
			script{
				"> POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "> 5\r\nhello\r\n0\r\n\r\n",
				"< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhel", "< lo\r\n0\r\nA: b\r\n\r\n", "> " + getB, "< HTTP/1.1 204 No\r\n\r\n",
			},
			[]string{"1 POST http://h/a 200 up 0+57+15@1-2 down 0+47+25@3-4", "2 GET http://h/b 204 up 72+28+0@5-5 down 72+19+0@6-6"},
		},
		"until close": {
			script{"> GET /a HTTP/1.0\r\n\r\n", "< HTTP/1.0 200 OK\r\n\r\nhello", "<? 100", "<."},
			[]string{"1 GET /a 200 up 0+19+0@1-1 down 0+19+105@2-3 | 100 bytes of its response's body are not in the capture"},
		},
		"until a reset": {
			script{"> GET /a HTTP/1.0\r\n\r\n", "< HTTP/1.0 200 OK\r\n\r\nhello", "!"},
			[]string{"1 GET /a 200 up 0+19+0@1-1 down 0+19+5@2-2… | the connection was reset before the end of the response"},
		},
		"no bodies": {
			script{
				"> HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", "< " + okay, "> GET /b HTTP/1.1\r\nHost: h\r\nIf-None-Match: x\r\n\r\n",
				"< HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", "> " + getC, "< " + okay + "hello",
			},
			[]string{
				"1 HEAD http://h/a 200 up 0+29+0@1-1 down 0+38+0@2-2", "2 GET http://h/b 304 up 29+46+0@3-3 down 38+39+0@4-4",
				"3 GET http://h/c 200 up 75+28+0@5-5 down 77+38+5@6-6",
			},
		},
		"100 and 103": {
			script{
				"> POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", "< HTTP/1.1 100 Continue\r\n\r\n", "> abc",
				"< HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + okay + "hello",
			},
			[]string{"1 POST http://h/a 200 up 0+70+3@1-3 down 62+38+5@4-4 interim 0+25+0@2-2 interim 25+37+0@4-4"},
		},
		"the client has only begun when the server refuses": {
			script{"> POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc", "< HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "<.", "!"},
			[]string{"1 POST http://h/a 413 up 0+50+3@1-1… down 0+57+0@2-2 | the connection was reset before the end of the request"},
		},
		"empty lines": {
			script{"> \r\n" + getA + "\r\n\r\n" + getB, "< " + okay + "hello\r\n" + okay + "hello"},
			[]string{"1 GET http://h/a 200 up 2+28+0@1-1 down 0+38+5@2-2", "2 GET http://h/b 200 up 34+28+0@1-1 down 45+38+5@2-2"},
		},
		"no answer": {
			script{"> " + getA, "> " + getB, "< " + okay + "hello", "<.", "> " + getC},
			[]string{
				"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@3-3",
				"2 GET http://h/b 0 up 28+28+0@2-2 down - | the server ended the connection without a response to it",
				"3 GET http://h/c 0 up 56+28+0@5-5 down - | the server ended the connection without a response to it",
			},
		},
		"only the client": {
			script{"> " + getA, "> " + getB},
			[]string{"1 GET http://h/a 0 up 0+28+0@1-1 down - | the capture ends before its response", "2 GET http://h/b 0 up 28+28+0@2-2 down - | the capture ends before its response"},
		},
		"only the server, which was asked for a head": {
			script{"< " + okay + okay, "< hello" + okay + "hello"},
			[]string{
				"1   200 up - down 0+38+0@1-1 | its request is not in the capture", "2   200 up - down 38+38+5@1-2 | its request is not in the capture",
				"3   200 up - down 81+38+5@2-2 | its request is not in the capture",
			},
		},
		"malformed": {
			script{"> GET /a HTTP/1.1\r\nHost: h\r\nbad line\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "> " + getB, "< " + okay + "hello"},
			[]string{
				"1 GET http://h/a 200 up 0+38+0@1-1 down 0+57+6@2-2… | malformed HTTP request: whitespace in or behind a field name at octet 29; malformed HTTP response: Content-Lengths \"5\" and \"6\" differ",
				"2 GET http://h/b 200 up 38+28+0@3-3 down 63+38+5@4-4",
			},
		},
		"websocket": {
			script{
				"> GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
				"< HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01a", "> \x81\x01a", "< HTTP/1.1 200 OK\r\n\r\n",
			},
			[]string{"1 GET http://h/a 101 up 0+69+0@1-1 down 0+67+0@2-2 # behind it, the connection carries websocket, which is not looked into"},
		},
		"an upgrade that is not taken": {
			script{"> GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "> " + getB, "< " + okay + "hello", "< " + okay + "hello"},
			[]string{"1 GET http://h/a 200 up 0+69+0@1-1 down 0+38+5@3-3", "2 GET http://h/b 200 up 69+28+0@2-2 down 43+38+5@4-4"},
		},
		"a tunnel": {
			script{
				"> CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "> " + getA, "< " + okay + "hello", ">.", "<.",
			},
			[]string{
				"1 CONNECT x:80 200 up 0+37+0@1-1 down 0+38+0@2-2 # it opened a tunnel to x:80",
				"2 GET http://h/a 200 up 37+28+0@3-3 down 38+38+5@4-4 # in a tunnel to x:80",
			},
		},
		"a tunnel that the client did not wait for": {
			script{"> CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n" + getA, "< HTTP/1.1 200 OK\r\n\r\n" + okay + "hello"},
			[]string{
				"1 CONNECT x:80 200 up 0+37+0@1-1 down 0+19+0@2-2 # it opened a tunnel to x:80",
				"2 GET http://h/a 200 up 37+28+0@1-1 down 19+38+5@2-2 # in a tunnel to x:80",
			},
		},
		"a tunnel that is refused": {
			script{"> CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", "< HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "> " + getA, "< " + okay + "hello"},
			[]string{"1 CONNECT x:80 407 up 0+37+0@1-1 down 0+38+0@2-2", "2 GET http://h/a 200 up 37+28+0@3-3 down 38+38+5@4-4"},
		},
		"no HTTP": {script{"> EHLO\r\n", "< 220 hi\r\n", "> " + getA, "< " + okay + "hello"}, nil},
		"a response that nobody asked for": {
			script{"> " + getA, "< " + okay + "hello", "< HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n", "<."},
			[]string{"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@2-2", "2   408 up - down 43+43+0@3-3 | its request is not in the capture"},
		},
	} {
		check(t, name, play(nil, test.lines), test.want)
	}
}

func TestHTTP1Holes(t *testing.T) {
	for name, test := range map[string]struct {
		lines script
		want  []string
	}{
		"in a body": {
			script{"> " + getA, "< " + okay + "h", "<? 3", "< o", "> " + getB, "< " + okay, "<? 5"},
			[]string{
				"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@2-4 | 3 bytes of its response's body are not in the capture",
				"2 GET http://h/b 200 up 28+28+0@5-5 down 43+38+5@6-7 | 5 bytes of its response's body are not in the capture",
			},
		},
		"in a chunk": {
			script{"> " + getA, "< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc", "<? 13", "< \r\n0\r\n\r\n"},
			[]string{"1 GET http://h/a 200 up 0+28+0@1-1 down 0+47+27@2-4 | 13 bytes of its response's body are not in the capture"},
		},
		"over a chunk line": {
			script{"> " + getA, "< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc", "<? 20", "< xyz\r\n0\r\n\r\n", "> " + getB, "< " + okay + "hello"},
			[]string{
				"1 GET http://h/a 200 up 0+28+0@1-1 down 0+47+37@2-4… | where its response ends is not in the capture",
				"2 GET http://h/b 200 up 28+28+0@5-5 down 84+38+5@6-6",
			},
		},
		"over a head": {
			script{"> " + getA, "<? 38", "< hello", "> " + getB, "< " + okay + "hello"},
			[]string{
				"1 GET http://h/a 0 up 0+28+0@1-1 down 0+43+0@0-3… | the beginning of its response is not in the capture",
				"2 GET http://h/b 200 up 28+28+0@4-4 down 43+38+5@5-5",
			},
		},
		"in a head": {
			script{"> " + getA, "< HTTP/1.1 404 No\r\nServ", "<? 30", "< \r\n\r\nhello", "> " + getB, "< " + okay + "hello"},
			[]string{
				"1 GET http://h/a 404 up 0+28+0@1-1 down 0+60+0@2-4… | a part of its response's head is not in the capture",
				"2 GET http://h/b 200 up 28+28+0@5-5 down 60+38+5@6-6",
			},
		},
		"over a request": {
			script{"> " + getA, "< " + okay + "hello", ">? 28", "< " + okay + "hello", "> " + getC, "< " + okay + "hello"},
			[]string{
				"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@2-2", "2   200 up - down 43+38+5@4-4 | its request is not in the capture",
				"3 GET http://h/c 200 up 56+28+0@5-5 down 86+38+5@6-6",
			},
		},
		"over an exchange": {
			script{"> " + getA, "< " + okay + "hello", ">? 28", "<? 43", "> " + getC, "< " + okay + "hello"},
			[]string{"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@2-2", "2 GET http://h/c 200 up 56+28+0@5-5 down 86+38+5@6-6"},
		},
		"in mid-stream": {
			script{"> xyz: 1\r\n\r\n", "< garbage", "> " + getA, "< and more" + okay + "hello", "> " + getB, "< " + okay + "hello"},
			[]string{"1 GET http://h/a 200 up 10+28+0@3-3 down 15+38+5@4-4", "2 GET http://h/b 200 up 38+28+0@5-5 down 58+38+5@6-6"},
		},
		"a pipeline, by kinds": {
			script{
				"> GET /a.png HTTP/1.1\r\n\r\nGET /b.css HTTP/1.1\r\n\r\nGET /c.png HTTP/1.1\r\n\r\nGET /d.html HTTP/1.1\r\n\r\n",
				"< HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nhello", "<? 999",
				"< lost HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
			},
			[]string{
				"1 GET /a.png 200 up 0+23+0@1-1 down 0+63+5@2-2", "2 GET /b.css 0 up 23+23+0@1-1 down - | its response is not in the capture",
				"3 GET /c.png 0 up 46+23+0@1-1 down - | its response is not in the capture",
				"4 GET /d.html 200 up 69+24+0@1-1 down 1072+63+5@4-4",
			},
		},
	} {
		c := begun()
		if name == "in mid-stream" {
			c = &flow.Conn{}
		}
		check(t, name, play(c, test.lines), test.want)
	}
}

// TestHTTP1Address: where there is no Host, the server's address is.
func TestHTTP1Address(t *testing.T) {
	c := begun()
	c.Server = netip.MustParseAddrPort("192.0.2.1:80")
	check(t, "no Host", play(c, script{"> GET /a HTTP/1.0\r\n\r\n", "<."}), []string{
		"1 GET http://192.0.2.1:80/a 0 up 0+19+0@1-1 down - | the server ended the connection without a response to it",
	})
	check(t, "OPTIONS *", play(c, script{"> OPTIONS * HTTP/1.0\r\n\r\n", "!"}), []string{
		"1 OPTIONS http://192.0.2.1:80 0 up 0+22+0@1-1 down - | the connection was reset before its response",
	})
}
