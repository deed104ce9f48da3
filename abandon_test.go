package linger

import (
	"context"
	"errors"
	"io"
	"testing"
)

// TestAbandonedBody: a caller gives up with the response in hand and never touches
// its body. Its slot is free at once, and what has come of the body can be read.
func TestAbandonedBody(t *testing.T) {
	tests := []struct{ name, answer, rest string }{
		{"unfinished", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome", "some"},
		{"unfinished, in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n", "some"},
		{"whole", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsome", "some"},
		{"whole, in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n0\r\n\r\n", "some"},
	}
	for _, tt := range tests {
		for _, depth := range []int{1, 2} {
			t.Run(tt.name, func(t *testing.T) {
				srv := serve(t, func(p *peer) {
					p.request()
					p.say("%s", tt.answer)
					p.request()
				}, echo)
				w := watch(t, Strategy{Conns: 1, Depth: depth, Protocol: HTTP11})
				ctx, cancel := context.WithCancelCause(context.Background())
				resp, err := w.RoundTrip(request(t, "GET", srv.url, "").WithContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				changed := errors.New("changed my mind")
				cancel(changed)
				if a := w.get(srv.url + "/2"); a.err != nil || a.body != "/2" {
					t.Errorf("the next exchange: %q, %v", a.body, a.err)
				}
				body, err := io.ReadAll(resp.Body)
				whole := tt.name[0] == 'w'
				if string(body) != tt.rest || (whole != (err == nil)) || (!whole && !errors.Is(err, changed)) {
					t.Errorf("read %q, %v", body, err)
				}
				if e := TimelineOf(resp); e.Error == "" {
					t.Errorf("the exchange ended as if it had been read")
				}
			})
		}
	}
}
