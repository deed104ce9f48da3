package cause_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
)

// HTTP for the hosts of a network for tests lives here.

// A call is one exchange. It begins when the one before has ended, or all at once
// where the dialog is pipelined.
type call struct {
	wait     time.Duration // before the request
	request  []string      // its writes; get("/") if there are none
	apart    time.Duration // between those writes
	think    time.Duration // of the server
	response []string      // its writes
	stall    time.Duration // between those writes
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }

// ok is a response with a body of n bytes, in one write.
func ok(n int) []string { return []string{head(n) + strings.Repeat("x", n)} }

func head(n int) string { return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n) }

// bytesOf is n bytes of a body.
func bytesOf(n int) string { return strings.Repeat("x", n) }

// talk opens a connection and makes calls on it, one after the other.
func talk(client, server *host, calls ...call) {
	d := &dialog{client: client, server: server, calls: calls}
	for i := range d.calls {
		if c := &d.calls[i]; len(c.request) == 0 {
			c.request = []string{get(fmt.Sprintf("/%d", i+1))}
		}
	}
	server.readable = d.asked
	client.readable = d.answered
	client.open(d.ask)
}

// pipelined is talk with all requests at once.
func pipelined(client, server *host, calls ...call) {
	for i := range calls {
		calls[i].request = []string{get(fmt.Sprintf("/%d", i+1))}
	}
	d := &dialog{client: client, server: server, calls: calls, ahead: true}
	server.readable = d.asked
	client.open(func() {
		all := ""
		for _, c := range calls {
			all += c.request[0]
		}
		client.write(all)
	})
}

type dialog struct {
	client, server *host
	calls          []call
	nth            int // calls whose request was received
	done           int // calls that have ended
	up, down       int64
	ahead          bool
	writing        time.Duration // until when the server has something to do
}

func size(writes []string) (n int64) {
	for _, w := range writes {
		n += int64(len(w))
	}
	return n
}

// say writes one after the other.
func (h *host) say(writes []string, apart time.Duration) {
	if len(writes) == 0 {
		return
	}
	h.write(writes[0])
	if apart == 0 {
		h.say(writes[1:], 0)
		return
	}
	h.net.after(apart, func() { h.say(writes[1:], apart) })
}

func (d *dialog) ask() {
	if d.done < len(d.calls) {
		c := &d.calls[d.done]
		d.client.net.after(c.wait, func() { d.client.say(c.request, c.apart) })
	}
}

// asked is told when the server has received more.
func (d *dialog) asked() {
	for d.nth < len(d.calls) && d.server.got >= d.up+size(d.calls[d.nth].request) {
		c := &d.calls[d.nth]
		d.up += size(c.request)
		d.nth++
		now := d.server.net.now
		begin := max(now, d.writing) + c.think
		d.writing = begin + time.Duration(max(0, len(c.response)-1))*c.stall
		d.server.net.after(begin-now, func() { d.server.say(c.response, c.stall) })
	}
}

// answered is told when the client has received more.
func (d *dialog) answered() {
	for d.done < len(d.calls) && d.client.got >= d.down+size(d.calls[d.done].response) {
		d.down += size(d.calls[d.done].response)
		d.done++
		d.ask()
	}
}

// hosts are the addresses of tests.
const (
	browser = "10.0.0.1:40000"
	origin  = "10.0.0.2:80"
)

// scene is a network with one connection on it, before it is opened.
type scene struct {
	*network
	capture        *packets.Capture
	client, server *host
}

func newScene(place packets.Side) *scene {
	s := &scene{network: newNetwork(place), capture: packets.NewCapture()}
	s.client, s.server = s.connect(s.capture, browser, origin)
	return s
}

// play runs calls on the scene's connection.
func (s *scene) play(calls ...call) *packets.Capture {
	talk(s.client, s.server, calls...)
	return s.run(s.capture)
}
