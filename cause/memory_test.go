package cause_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/internal/packets"
)

// inUse is what is in use, in bytes.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemory: what is kept is bounded by what is open, whoever comes and goes.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads hundreds of thousands of packets")
	}
	const clients = 6_000
	for name, client := range map[string]func(i int) string{
		"connections of one client": func(i int) string { return fmt.Sprintf("10.0.0.1:%d", 10_000+i) },
		"clients":                   func(i int) string { return fmt.Sprintf("10.1.%d.%d:40000", i>>8, i&255) },
	} {
		before := inUse()
		told := 0
		e := cause.New(cause.Config{}, func(*cause.Explained) { told++ })
		number := 0
		at := int64(0)
		for i := range clients {
			s := newScene(packets.Client)
			s.client, s.server = s.connect(s.capture, client(i), origin)
			talk(s.client, s.server, small())
			s.after(100*ms, s.client.close)
			s.after(150*ms, s.server.close)
			s.run(s.capture)
			for p := range s.capture.Packets() {
				number++
				p.Number = number
				p.At += at
				e.Add(p)
			}
			at += int64(100 * ms)
		}
		took := inUse() - before
		e.Close()
		if told != clients || took > 48<<20 {
			t.Errorf("%s: %d of %d exchanges, %d MiB", name, told, clients, took>>20)
		}
	}
}
