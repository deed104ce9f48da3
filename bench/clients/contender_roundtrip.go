package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/lingerhttp/linger"
)

// A tripper is a client that is measured through http.RoundTripper: linger and
// net/http are, by the same code.
type tripper struct {
	rt   http.RoundTripper
	sc   scenario
	url  string
	shut func()
}

func (t *tripper) close() { t.shut() }

func openStd(sc scenario, s *server) client {
	rt := &http.Transport{
		MaxIdleConnsPerHost: max(sc.callers, sc.conns),
		DisableCompression:  true, // fasthttp does not ask for it either
		TLSClientConfig:     s.tlsConfig(),
		Protocols:           new(http.Protocols),
		DialContext:         dialFor(sc),
	}
	rt.Protocols.SetHTTP1(!sc.wire.multiplexed())
	rt.Protocols.SetHTTP2(sc.wire == http2TLS)
	rt.Protocols.SetUnencryptedHTTP2(sc.wire == http2Plain)
	return &tripper{rt: rt, sc: sc, url: urlOf(sc, s), shut: rt.CloseIdleConnections}
}

func openLinger(sc scenario, s *server) client {
	rt := &linger.Transport{
		Strategy:           strategyFor(sc),
		DisableCompression: true,
		TLSClientConfig:    s.tlsConfig(),
		DialContext:        dialFor(sc),
	}
	return &tripper{rt: rt, sc: sc, url: urlOf(sc, s), shut: func() { rt.Close() }}
}

// strategyFor is the zero Strategy wherever it can do the scenario.
func strategyFor(sc scenario) linger.Strategy {
	switch {
	case sc.kind == pipelined:
		return linger.Strategy{Conns: 1, Depth: sc.callers, Protocol: linger.HTTP11}
	case sc.wire == http2Plain:
		return linger.Strategy{Protocol: linger.HTTP2}
	}
	return linger.Strategy{}
}

// dialFor leaves dialling to the client, except where connections are many.
func dialFor(sc scenario) func(context.Context, string, string) (net.Conn, error) {
	if sc.kind != idle {
		return nil
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return abortive(dialer.DialContext(ctx, network, addr))
	}
}

func urlOf(sc scenario, s *server) string {
	return fmt.Sprintf("%s://%s/%d", sc.wire.scheme(), s.Addrs[sc.wire], sc.size)
}

// readBuffer is how much of a body one Read may take.
const readBuffer = 64 << 10

// caller implements client. A caller sends the same request again, as the
// contract allows: "Callers should not mutate or reuse the request until the
// Response's Body has been closed" — net/http.RoundTripper. Its body is a new
// one each time: the old may still be read.
func (t *tripper) caller() (func() error, error) {
	upload := make([]byte, t.sc.upload)
	req, err := http.NewRequest(t.method(), t.url, nil)
	if err != nil {
		return nil, err
	}
	if len(upload) > 0 {
		req.ContentLength = int64(len(upload))
		req.GetBody = func() (io.ReadCloser, error) { return newUpload(upload), nil }
	}
	buf := make([]byte, readBuffer)
	return func() error {
		if len(upload) > 0 {
			req.Body = newUpload(upload)
		}
		resp, err := t.rt.RoundTrip(req)
		if err != nil {
			return err
		}
		return readWhole(resp, t.sc.size, buf)
	}, nil
}

func (t *tripper) method() string {
	if t.sc.upload > 0 {
		return http.MethodPost
	}
	return http.MethodGet
}

// An upload is a request's body in one allocation.
type upload struct{ bytes.Reader }

func newUpload(p []byte) *upload {
	u := &upload{}
	u.Reset(p)
	return u
}

// Close implements io.Closer.
func (*upload) Close() error { return nil }

// readWhole reads an answer to its end, closes it, and checks that it is the one
// that was asked for.
func readWhole(resp *http.Response, size int64, buf []byte) error {
	n, err := drain(resp.Body, buf)
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("closing the body: %w", err)
	}
	return checkAnswer(resp.StatusCode, n, size, err)
}

// drain reads to the end and returns how much there was.
func drain(r io.Reader, buf []byte) (sum int64, err error) {
	for {
		n, err := r.Read(buf)
		sum += int64(n)
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
}

func checkAnswer(status int, got, want int64, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("reading the body: %w", err)
	case status != http.StatusOK:
		return fmt.Errorf("status %d, want %d", status, http.StatusOK)
	case got != want:
		return fmt.Errorf("%d bytes of body, want %d", got, want)
	}
	return nil
}
