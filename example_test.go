package linger_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/timeline"
)

// hello is somebody else's server.
func hello() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.WriteString(rw, "hello "+r.URL.Path[1:])
	}))
}

// read reads an answer to its end: only then is its connection free for the next
// request, and its timeline complete.
func read(resp *http.Response, err error) string {
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	return string(body)
}

// A Transport takes the place of http.DefaultTransport. Its zero value works.
func ExampleTransport() {
	server := hello()
	defer server.Close()

	transport := &linger.Transport{}
	defer transport.Close()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}

	fmt.Println(read(client.Get(server.URL + "/world")))
	// Output: hello world
}

// Every response knows where its time went, once its body was read.
func ExampleTimelineOf() {
	server := hello()
	defer server.Close()
	transport := &linger.Transport{}
	defer transport.Close()
	client := &http.Client{Transport: transport}

	for range 2 {
		resp, err := client.Get(server.URL + "/world")
		read(resp, err)
		e := linger.TimelineOf(resp)
		fmt.Printf("exchange %d of connection %d, connecting took time: %v\n", e.Nth, e.Conn.Number, e.In(timeline.Connect) > 0)
		if err := e.Check(); err != nil { // never: the spans cover the exchange without gap or overlap
			fmt.Println(err)
		}
	}
	// Output:
	// exchange 1 of connection 1, connecting took time: true
	// exchange 2 of connection 1, connecting took time: false
}

// Observe sees every exchange, those that fail too: a program can log what was slow,
// with the reason.
func ExampleTransport_observe() {
	server := hello()
	defer server.Close()
	transport := &linger.Transport{
		Observe: func(e *timeline.Exchange) {
			if e.Error != "" || e.Duration > time.Minute {
				fmt.Println("slow or failed:", e.URL)
			} else {
				fmt.Println("in time:", e.Method, e.Status, e.Received.Body, "bytes of body")
			}
		},
	}
	defer transport.Close()

	read((&http.Client{Transport: transport}).Get(server.URL + "/world"))
	// Output: in time: GET 200 11 bytes of body
}

// The pool can be asked what it holds, and the kernel what it knows of each
// connection.
func ExampleTransport_Connections() {
	server := hello()
	defer server.Close()
	transport := &linger.Transport{}
	defer transport.Close()
	read((&http.Client{Transport: transport}).Get(server.URL + "/world"))

	for _, c := range transport.Connections() {
		fmt.Println(c.Number, c.Protocol, c.State, c.Uses, "use")
		if c.TCP != nil && c.TCP.RTT > 10*c.TCP.MinRTT+time.Second { // on Linux
			fmt.Println("something stands in the way to", c.Remote)
		}
	}
	// Output: 1 HTTP/1.1 idle 1 use
}

// FromStd takes over the settings of a standard Transport.
func ExampleFromStd() {
	std := http.DefaultTransport.(*http.Transport).Clone()
	std.ResponseHeaderTimeout = 5 * time.Second

	transport := linger.FromStd(std)
	defer transport.Close()
	fmt.Println(transport.ResponseHeaderTimeout, transport.IdleConnTimeout)
	// Output: 5s 1m30s
}

// WithObserve shows one request's exchanges to whoever made it: here all those that
// a redirect led to.
func ExampleWithObserve() {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(rw, r, "/new", http.StatusFound)
		}
	}))
	defer server.Close()
	transport := &linger.Transport{}
	defer transport.Close()

	ctx := linger.WithObserve(context.Background(), func(e *timeline.Exchange) { fmt.Println(e.Status) })
	req, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/old", nil)
	if err != nil {
		log.Fatal(err)
	}
	read((&http.Client{Transport: transport}).Do(req))
	// Output:
	// 302
	// 200
}
