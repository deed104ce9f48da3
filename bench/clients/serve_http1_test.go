package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestParseHead(t *testing.T) {
	const post = "POST /7 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
	for _, tt := range []struct {
		in   string
		want head
		err  error
	}{
		{"GET /100 HTTP/1.1\r\n\r\n", head{100, 21}, nil},
		{"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2", head{1, 28}, nil},
		{post, head{7, len(post)}, nil},
		{post[:len(post)-1], head{}, errIncomplete},
		{"GET /100 HTTP/1.1\r\n", head{}, errIncomplete},
		{"", head{}, errIncomplete},
		{"\r\n\r\n", head{}, errBadRequest},
		{"GET / HTTP/1.1\r\n\r\n", head{}, errBadRequest},
		{"GET /-1 HTTP/1.1\r\n\r\n", head{}, errBadRequest},
		{"GET /1 HTTP/1.0\r\n\r\n", head{}, errBadRequest},
		{"POST /1 HTTP/1.1\r\n\r\n", head{}, errBadRequest},
		{"POST /1 HTTP/1.1\r\nContent-Length: -3\r\n\r\n", head{}, errBadRequest},
		{"POST /1 HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", head{}, errBadRequest},
	} {
		if got, err := parseHead([]byte(tt.in)); got != tt.want || err != tt.err {
			t.Errorf("%q: got %v, %v, want %v, %v", tt.in, got, err, tt.want, tt.err)
		}
	}
}

// FuzzParseHead: what the server takes for a request lies within what it was
// given, and ends where a header does.
func FuzzParseHead(f *testing.F) {
	f.Add("GET /100 HTTP/1.1\r\n\r\n")
	f.Add("POST /7 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
	f.Add("\r\n\r\n /1 HTTP/1.1")
	f.Fuzz(func(t *testing.T, in string) {
		h, err := parseHead([]byte(in))
		if err != nil {
			return
		}
		if h.size < 0 || h.length > len(in) || !strings.Contains(in[:h.length], "\r\n\r\n") {
			t.Errorf("%q: %+v", in, h)
		}
	})
}

// TestPipelinedAnswers sends three requests in pieces, the second for a body
// that is too large to be gathered with others.
func TestPipelinedAnswers(t *testing.T) {
	client, server := net.Pipe()
	b := &backend{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.serveConn(server)
	}()
	const large = smallAnswer + filledTwice
	sizes := []int64{5, large, 0}
	wrote := make(chan error, 1)
	go func() {
		_, err := client.Write([]byte("GET /5 HTTP/1.1\r\n\r\nPOST /589824 HTTP/1.1\r\nContent-Length: 2\r\n\r\n"))
		if err == nil {
			_, err = client.Write([]byte("xxGET /0 HTTP/1.1\r\n\r\n"))
		}
		wrote <- err
	}()
	in := bufio.NewReader(client)
	for _, want := range sizes {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if n != want || err != nil {
			t.Errorf("%d bytes, %v, want %d", n, err, want)
		}
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	client.Close()
	<-done
	if got := b.served.Load(); got != 3 {
		t.Errorf("counted %d, want 3", got)
	}
}

// filledTwice needs more than two writes of the filler.
const filledTwice = 2 * int64(len(filler))
