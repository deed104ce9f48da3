package repro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
)

// A stage is a lab with a server in it, where visits are measured.
type stage struct {
	lab  *lab.Lab
	stop func() error // ends the server
}

// A server serves what comes to a listener until it is stopped, which closes the
// listener, too.
type server interface {
	start(net.Listener) (stop func() error)
}

// site is where the server is.
const site = "http://" + lab.DefaultName

func open(c lab.Config, srv server) (*stage, error) {
	l, err := lab.New(c)
	if err != nil {
		return nil, err
	}
	listener, err := l.Server.Listen("tcp", ":80")
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &stage{lab: l, stop: srv.start(listener)}, nil
}

func (s *stage) close() error { return errors.Join(s.stop(), s.lab.Close()) }

// A visit is what one took.
type visit struct {
	time    time.Duration
	packets int64
	bytes   int64 // of IP packets
	payload int64 // of TCP
}

// overhead is the share of the bytes that are headers of IP and TCP.
func (v visit) overhead() float64 { return 1 - float64(v.payload)/float64(max(1, v.bytes)) }

// visit measures what a client does with a new Transport: how long it took, and what
// passed until the connections were closed. The seed is that of the link.
func (s *stage) visit(ctx context.Context, strategy linger.Strategy, seed uint64, do func(*linger.Transport) error) (visit, error) {
	if err := s.lab.Renew(seed); err != nil {
		return visit{}, err
	}
	t := &linger.Transport{Strategy: strategy, DialContext: s.lab.Client.DialContext, Jitter: -1}
	upBefore, downBefore := s.lab.Counts()
	start := time.Now()
	err := do(t)
	v := visit{time: time.Since(start)}
	t.Close()
	if err != nil {
		return v, err
	}
	if err := s.lab.Quiet(ctx); err != nil {
		return v, err
	}
	up, down := s.lab.Counts()
	up, down = up.Since(upBefore), down.Since(downBefore)
	v.packets, v.bytes = up.Packets+down.Packets, up.Bytes+down.Bytes
	v.payload = up.Payload + down.Payload
	return v, nil
}

// get fetches one object and drops what comes. It wants the status.
func get(ctx context.Context, t http.RoundTripper, path string, header http.Header, status int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, site+path, nil)
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	err = errors.Join(err, resp.Body.Close())
	if err == nil && resp.StatusCode != status {
		err = fmt.Errorf("%s: %s, want %d", path, resp.Status, status)
	}
	return err
}

// getAll fetches objects at once. Its error is the first that is met.
func getAll(ctx context.Context, t http.RoundTripper, paths []string, header func(i int) http.Header, status int) error {
	ended := make(chan error, len(paths))
	for i, path := range paths {
		go getOne(ctx, t, path, header(i), status, ended)
	}
	var first error
	for range paths {
		if err := <-ended; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func getOne(ctx context.Context, t http.RoundTripper, path string, header http.Header, status int, ended chan<- error) {
	ended <- get(ctx, t, path, header, status)
}

// bare are the fields of a request that has none of its own.
func bare(int) http.Header { return http.Header{} }

// medianOf is the middle one of the values that get takes of visits.
func medianOf(visits []visit, get func(visit) float64) float64 {
	values := make([]float64, len(visits))
	for i, v := range visits {
		values[i] = get(v)
	}
	return median(values)
}

// medianVisit has the median of each of its numbers.
func medianVisit(visits []visit) visit {
	count := func(get func(visit) int64) int64 {
		return int64(medianOf(visits, func(v visit) float64 { return float64(get(v)) }))
	}
	return visit{
		time:    time.Duration(medianOf(visits, func(v visit) float64 { return float64(v.time) })),
		packets: count(func(v visit) int64 { return v.packets }),
		bytes:   count(func(v visit) int64 { return v.bytes }),
		payload: count(func(v visit) int64 { return v.payload }),
	}
}
