package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"syscall"
)

// errFewFiles says that the process may not open the connections that a scenario
// wants.
var errFewFiles = errors.New("too few open files allowed")

// spareFiles are those that a process has open besides its connections.
const spareFiles = 200

// checkFiles says whether n connections can be open at once. Go itself has
// raised the soft limit to the hard one by now (package os does).
func checkFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading RLIMIT_NOFILE: %w", err)
	}
	if want := uint64(n + spareFiles); limit.Cur < want {
		return fmt.Errorf("%w: RLIMIT_NOFILE is %d, want %d", errFewFiles, limit.Cur, want)
	}
	return nil
}

// measureIdle measures what connections cost that carry nothing: it opens all of
// them, lets each carry one exchange, counts what is left of that, and closes
// them, since a second client's would be too many.
func measureIdle(ctx context.Context, t *tripper) (sample, error) {
	defer t.close()
	n := t.sc.conns
	before := settled()
	if err := t.openAll(ctx, n); err != nil {
		return nil, err
	}
	after := settled()
	each := func(a, b uint64) float64 { return (float64(a) - float64(b)) / float64(n) }
	return sample{
		heapEach:     each(after.heap, before.heap),
		stackEach:    each(after.stack, before.stack),
		routinesEach: float64(after.goroutines-before.goroutines) / float64(n),
	}, nil
}

// openAll makes the client open n connections: an answer that is not read yet
// keeps its connection, so that each request needs a new one.
func (t *tripper) openAll(ctx context.Context, n int) error {
	answers := make([]*http.Response, 0, n)
	buf := make([]byte, readBuffer)
	failed := t.holdAll(ctx, n, &answers)
	for _, resp := range answers {
		if err := readWhole(resp, t.sc.size, buf); failed == nil {
			failed = err
		}
	}
	return failed
}

func (t *tripper) holdAll(ctx context.Context, n int, answers *[]*http.Response) error {
	for range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
		if err != nil {
			return err
		}
		resp, err := t.rt.RoundTrip(req)
		if err != nil {
			return fmt.Errorf("with %d connections open: %w", len(*answers), err)
		}
		*answers = append(*answers, resp)
	}
	return nil
}

// Holdings are what the process holds when its garbage has been collected.
type holdings struct {
	heap, stack uint64 // bytes
	goroutines  int
}

func settled() holdings {
	for range 3 { // finalizers and pools let go of things one collection later
		runtime.GC()
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return holdings{heap: mem.HeapAlloc, stack: mem.StackInuse, goroutines: runtime.NumGoroutine()}
}
