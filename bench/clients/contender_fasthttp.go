package main

import (
	"io"
	"log"

	"github.com/valyala/fasthttp"
)

// fasthttp is measured through its own interface, as it is meant to be used:
// each caller keeps its request and its response.

// fasthttpTakes: it speaks no HTTP/2, and its idle connections are a map's
// entries: nothing to compare.
func fasthttpTakes(sc scenario) bool { return !sc.wire.multiplexed() && sc.kind != idle }

// A doer is HostClient or PipelineClient.
type doer interface {
	Do(*fasthttp.Request, *fasthttp.Response) error
}

type fastClient struct {
	doer
	sc   scenario
	url  string
	shut func()
}

func (f *fastClient) close() { f.shut() }

func openFasthttp(sc scenario, s *server) client {
	f := &fastClient{sc: sc, url: urlOf(sc, s)}
	if sc.kind == pipelined {
		f.doer = &fasthttp.PipelineClient{Addr: s.Addrs[sc.wire], MaxConns: 1, Logger: log.New(io.Discard, "", 0)}
		f.shut = func() {} // it has no Close: its connection ends when it was idle for 10 s
		return f
	}
	c := &fasthttp.HostClient{
		Addr:               s.Addrs[sc.wire],
		IsTLS:              sc.wire.encrypted(),
		TLSConfig:          s.tlsConfig(),
		MaxConns:           sc.callers,
		StreamResponseBody: sc.kind == bulk,
	}
	f.doer, f.shut = c, c.CloseIdleConnections
	return f
}

// caller implements client.
func (f *fastClient) caller() (func() error, error) {
	req, resp := &fasthttp.Request{}, &fasthttp.Response{}
	req.SetRequestURI(f.url)
	if f.sc.upload > 0 {
		req.Header.SetMethod(fasthttp.MethodPost)
		req.SetBodyRaw(make([]byte, f.sc.upload))
	}
	buf := make([]byte, readBuffer)
	return func() error {
		if err := f.Do(req, resp); err != nil {
			return err
		}
		if f.sc.kind != bulk {
			return checkAnswer(resp.StatusCode(), int64(len(resp.Body())), f.sc.size, nil)
		}
		n, err := drain(resp.BodyStream(), buf)
		status := resp.StatusCode()
		if err := resp.CloseBodyStream(); err != nil {
			return err
		}
		return checkAnswer(status, n, f.sc.size, err)
	}, nil
}
