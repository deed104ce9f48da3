package main

import (
	"sync"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/report"
)

// How often progress is told: on a terminal, and line by line.
const (
	liveEvery = 100 * time.Millisecond
	lineEvery = time.Second
)

// A monitor counts what happens to a page and tells it while it is loaded.
type monitor struct {
	env   *env
	began time.Time

	transport *linger.Transport

	mu       sync.Mutex
	progress report.Progress // guarded by mu

	quit chan struct{}
	done chan struct{}
}

func newMonitor(e *env, t *linger.Transport) *monitor {
	return &monitor{env: e, began: e.now(), transport: t, quit: make(chan struct{}), done: make(chan struct{})}
}

// event is the page's Progress.
func (m *monitor) event(ev page.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch ev.Kind {
	case page.Found:
		m.progress.Found++
	case page.Received:
		m.progress.Bytes += int64(ev.Bytes)
	case page.Done:
		m.progress.Done++
		if ev.Object.Err != nil {
			m.progress.Failed++
		}
	}
}

func (m *monitor) start() { go m.tell() }

// stop ends the telling and waits for it.
func (m *monitor) stop() {
	close(m.quit)
	<-m.done
}

// tell writes the progress until stop.
func (m *monitor) tell() {
	defer close(m.done)
	every := lineEvery
	if m.env.live {
		every = liveEvery
		defer report.ClearLive(m.env.stderr)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-tick.C:
			m.show()
		}
	}
}

func (m *monitor) show() {
	m.mu.Lock()
	p := m.progress
	m.mu.Unlock()
	p.Connections = m.transport.Stats().Open
	p.Elapsed = m.env.now().Sub(m.began)
	if m.env.live {
		p.WriteLive(m.env.stderr, m.env.err)
		return
	}
	p.WriteLine(m.env.stderr)
}
