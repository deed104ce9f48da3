package grade

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/timeline"
)

// A client plays the client's part of a scenario over linger.Transport, and notes what
// it writes, when it does not read, and what it is told.
type client struct {
	scenario  *Scenario
	book      *notebook
	side      *lab.Side
	tls       *tls.Config // nil in clear
	transport *linger.Transport

	workers sync.WaitGroup
	mu      sync.Mutex
	next    int   // guarded by mu; the exchange that comes next, from 1
	err     error // guarded by mu; the first
}

func newClient(s *Scenario, book *notebook, side *lab.Side, config *tls.Config) (*client, error) {
	strategy, err := linger.StrategyNamed(s.Strategy)
	if err != nil {
		return nil, err
	}
	if s.Conns > 0 {
		strategy.Conns = s.Conns
	}
	c := &client{scenario: s, book: book, side: side, tls: config, next: 1}
	c.transport = &linger.Transport{Strategy: strategy, Jitter: -1, DialContext: c.dial, DialTLSContext: c.dialTLS, DisableCompression: true}
	return c, nil
}

// run does all exchanges, so many at once, in their order.
func (c *client) run(ctx context.Context) error {
	for i := range min(max(1, c.scenario.AtOnce), len(c.scenario.Plans)) {
		c.workers.Add(1)
		go c.work(ctx, time.Duration(i)*apart)
	}
	c.workers.Wait()
	return errors.Join(c.err, c.transport.Close())
}

// apart is how far apart the first exchanges of a client begin, so that they come in
// the same order in every run.
const apart = 2 * time.Millisecond

func (c *client) work(ctx context.Context, after time.Duration) {
	defer c.workers.Done()
	sleep(ctx, after)
	for n := c.take(nil); n > 0; {
		n = c.take(c.exchange(ctx, n, &c.scenario.Plans[n-1]))
	}
}

// take returns the next exchange, 0 if there is none or one has failed.
func (c *client) take(err error) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	if c.err != nil || c.next > len(c.scenario.Plans) {
		return 0
	}
	c.next++
	return c.next - 1
}

func (c *client) exchange(ctx context.Context, n int, p *Plan) error {
	sleep(ctx, p.Gap)
	ctx = linger.WithObserve(ctx, func(e *timeline.Exchange) {
		told := Told{n, *e}
		told.Timeline.Start = c.book.clock.start.Add(e.Start.Sub(c.book.clock.start)) // by the monotonic clock
		c.book.with(func() { c.book.told = append(c.book.told, told) })
	})
	req, err := c.request(ctx, n, p)
	if err != nil {
		return err
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("exchange %d: %s", n, resp.Status)
	}
	return errors.Join(err, c.read(ctx, n, p, resp.Body), resp.Body.Close())
}

func (c *client) request(ctx context.Context, n int, p *Plan) (*http.Request, error) {
	scheme := "http"
	if c.scenario.TLS {
		scheme = "https"
	}
	url := fmt.Sprintf("%s://%s/%d", scheme, lab.DefaultName, n)
	if p.Upload == 0 {
		return http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	}
	return http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(filler[:p.Upload]))
}

// read reads an answer as the plan has it, to its end.
func (c *client) read(ctx context.Context, n int, p *Plan, body io.Reader) error {
	if p.ReadPause <= 0 {
		_, err := io.Copy(io.Discard, body)
		return err
	}
	for {
		from := c.book.clock.now()
		sleep(ctx, p.ReadPause)
		pause := Pause{n, from, c.book.clock.now()}
		c.book.with(func() { c.book.pauses = append(c.book.pauses, pause) })
		if _, err := io.CopyN(io.Discard, body, int64(max(1, p.ReadSize))); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (c *client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	noted, d, err := c.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	noted.finder = c.finder(noted)
	c.book.with(func() { c.book.dials = append(c.book.dials, d) })
	return noted, nil
}

func (c *client) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	noted, d, err := c.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	config := c.tls.Clone()
	config.NextProtos = []string{"http/1.1"}
	if c.scenario.Strategy == multiplexed {
		config.NextProtos = []string{"h2"}
	}
	config.KeyLogWriter = c.book
	secure := tls.Client(noted.below, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, noted.below.Close())
	}
	d.Secured = c.book.clock.now()
	noted.Conn, noted.finder = secure, c.finder(noted)
	c.book.with(func() { c.book.dials = append(c.book.dials, d) })
	return &secured{noted, secure}, nil
}

func (c *client) finder(s *scribe) finder {
	if c.scenario.Strategy == multiplexed {
		return newRequestFrames(c.book, s.conn)
	}
	return new(requests)
}

// connect looks the name up, if the scenario says so, and opens a TCP connection.
func (c *client) connect(ctx context.Context, network, addr string) (*scribe, Dial, error) {
	d := Dial{Begin: c.book.clock.now()}
	d.Looked = d.Begin
	if c.scenario.DNS {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, d, err
		}
		found, err := c.side.Resolver().LookupNetIP(ctx, "ip4", host)
		if err != nil {
			return nil, d, err
		}
		d.Looked, addr = c.book.clock.now(), net.JoinHostPort(found[0].Unmap().String(), port)
	}
	conn, err := c.side.DialContext(ctx, network, addr)
	if err != nil {
		return nil, d, err
	}
	d.Connected = c.book.clock.now()
	d.Secured, d.Conn = d.Connected, conn.LocalAddr().(*net.TCPAddr).AddrPort()
	if tcp, ok := conn.(*net.TCPConn); ok && c.scenario.ClientNagle {
		if err := tcp.SetNoDelay(false); err != nil {
			return nil, d, errors.Join(err, conn.Close())
		}
	}
	below := &counter{Conn: conn}
	return &scribe{Conn: below, below: below, book: c.book, conn: d.Conn}, d, nil
}
