package main

import (
	"net"
	"time"
)

// A contender is a client library that takes part.
type contender struct {
	name string
	// takes says whether the library can do a scenario.
	takes func(scenario) bool
	// open makes a client for a scenario.
	open func(scenario, *server) client
}

// baseline is the contender to which the others are compared.
const baseline = "net/http"

func contenders() []contender {
	return []contender{
		{name: baseline, takes: everything, open: openStd},
		{name: "linger", takes: everything, open: openLinger},
		{name: "fasthttp", takes: fasthttpTakes, open: openFasthttp},
		{name: "bare", takes: bareTakes, open: openBare},
	}
}

func everything(scenario) bool { return true }

// A client is a contender's client under measurement, shared by all callers.
type client interface {
	// caller returns what one caller calls again and again: each call makes one
	// exchange, reads the answer to its end and checks that it is whole.
	caller() (exchange func() error, err error)
	close()
}

// dialTimeout limits a dial on loopback: generously.
const dialTimeout = 10 * time.Second

// abortive makes a connection end with RST when it is closed, so that thousands
// of closed ones do not stand in TIME_WAIT and use the ports up.
func abortive(c net.Conn, err error) (net.Conn, error) {
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		tcp.SetLinger(0)
	}
	return c, err
}
