package linger

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// TestInterleave: "the client … SHOULD … alternate address families",
// https://www.rfc-editor.org/rfc/rfc8305#section-4.
func TestInterleave(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"4a", "4a"},
		{"4a 4b 4c", "4a 4b 4c"},
		{"6a 6b 4a 4b", "6a 4a 6b 4b"},
		{"4a 6a 6b 6c", "4a 6a 6b 6c"},
		{"6a 6b 6c 4a", "6a 4a 6b 6c"},
		{"4a 6a 4b 6b", "4a 6a 4b 6b"},
	} {
		var in []netip.AddrPort
		for w := range strings.FieldsSeq(tt.in) {
			in = append(in, address(w))
		}
		var got []string
		for _, a := range interleave(in, func(netip.AddrPort) int { return 0 }) {
			got = append(got, nameOf(a))
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("%s is tried as %s, want %s", tt.in, g, tt.want)
		}
	}
}

// address makes an address of a name such as 4a or 6b: its family and a letter.
func address(name string) netip.AddrPort {
	format := "192.0.2.%d"
	if name[0] == '6' {
		format = "2001:db8::%d"
	}
	return netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf(format, name[1]-'a'+1)), 80)
}

func nameOf(a netip.AddrPort) string {
	b := a.Addr().AsSlice()
	return fmt.Sprintf("%c%c", map[bool]rune{true: '4', false: '6'}[a.Addr().Is4()], 'a'+b[len(b)-1]-1)
}

// A fate of an address in a race: what becomes of dialling it, and after how long.
type dialFate struct {
	after time.Duration
	err   error // nil: it connects
	deaf  bool  // it does not mind that it is no longer needed
}

// A counted connection counts how often it is closed.
type counted struct {
	net.Conn
	closed *atomic.Int32
}

func (c counted) Close() error         { c.closed.Add(1); return nil }
func (c counted) RemoteAddr() net.Addr { return &net.TCPAddr{} }

const never = 365 * 24 * time.Hour

// TestRace runs races in virtual time: "the client SHOULD … start the next
// connection attempt" after 250 ms, or at once when one has failed:
// https://www.rfc-editor.org/rfc/rfc8305#section-5.
func TestRace(t *testing.T) {
	ms := time.Millisecond
	refused := opError("connect", syscall.ECONNREFUSED)
	for _, tt := range []struct {
		name   string
		fates  map[string]dialFate
		order  string
		within time.Duration // of the context; 0 is no limit
		winner string        // empty: none
		took   time.Duration
		begun  string        // who was tried, and when, in ms
		closed int32         // losers that had connected
		told   string        // in the notes of the attempts
		backup time.Duration // 0: no attempt beside another one to the same address
	}{
		{"the first", map[string]dialFate{"6a": {after: 10 * ms}}, "6a 4a", 0, "6a", 10 * ms, "6a@0", 0, "", 0},
		{"just in time", map[string]dialFate{"6a": {after: 249 * ms}}, "6a 4a", 0, "6a", 249 * ms, "6a@0", 0, "", 0},
		{"the first refuses", map[string]dialFate{"6a": {after: 10 * ms, err: refused}, "4a": {after: 20 * ms}}, "6a 4a", 0, "4a", 30 * ms, "6a@0 4a@10", 0, "connection refused", 0},
		{"the first hangs", map[string]dialFate{"6a": {after: never}, "4a": {after: 20 * ms}}, "6a 4a", 0, "4a", 270 * ms, "6a@0 4a@250", 0, "no longer needed", 0},
		{"the first wins late", map[string]dialFate{"6a": {after: 260 * ms}, "4a": {after: 20 * ms}}, "6a 4a", 0, "6a", 260 * ms, "6a@0 4a@250", 0, "no longer needed", 0},
		{"both connect", map[string]dialFate{"6a": {after: 300 * ms, deaf: true}, "4a": {after: 20 * ms}}, "6a 4a", 0, "4a", 270 * ms, "6a@0 4a@250", 1, "no longer needed", 0},
		{"all hang but the last", map[string]dialFate{"6a": {after: never}, "4a": {after: never}, "6b": {after: 5 * ms}}, "6a 4a 6b", 0, "6b", 505 * ms, "6a@0 4a@250 6b@500", 0, "", 0},
		{"a failure brings the next", map[string]dialFate{"6a": {after: never}, "4a": {after: 100 * ms, err: refused}, "6b": {after: 5 * ms}}, "6a 4a 6b", 0, "6b", 355 * ms, "6a@0 4a@250 6b@350", 0, "", 0},
		{"after a failure a delay again", map[string]dialFate{"6a": {after: 100 * ms, err: refused}, "4a": {after: never}, "6b": {after: 5 * ms}}, "6a 4a 6b", 0, "6b", 355 * ms, "6a@0 4a@100 6b@350", 0, "", 0},
		{"all refuse", map[string]dialFate{"6a": {err: refused}, "4a": {err: refused}}, "6a 4a", 0, "", 0, "6a@0 4a@0", 0, "", 0},
		{"time runs out", map[string]dialFate{"6a": {after: never}, "4a": {after: never}}, "6a 4a", time.Second, "", time.Second, "6a@0 4a@250", 0, "context deadline exceeded", 0},
		{"the first packet is lost", map[string]dialFate{"6a": {after: 1010 * ms}, "6a again": {after: 10 * ms}}, "6a", 0, "6a", 210 * ms, "6a@0 6a again@200", 0, ":80 again", 200 * ms},
		{"both packets are late", map[string]dialFate{"6a": {after: 300 * ms}, "6a again": {after: 300 * ms, deaf: true}}, "6a", 0, "6a", 300 * ms, "6a@0 6a again@200", 1, ":80 again: no longer needed", 200 * ms},
		{"no third attempt", map[string]dialFate{"6a": {after: never}, "6a again": {after: never}}, "6a", time.Second, "", time.Second, "6a@0 6a again@200", 0, ":80 again: context deadline exceeded", 200 * ms},
		{"other addresses first", map[string]dialFate{"6a": {after: never}, "4a": {after: never}, "6a again": {after: never}, "4a again": {after: 5 * ms}}, "6a 4a", 0, "4a", 655 * ms, "6a@0 4a@250 6a again@450 4a again@650", 0, "", 200 * ms},
		{"none beside one that refused", map[string]dialFate{"6a": {after: 10 * ms, err: refused}, "4a": {after: 300 * ms}, "4a again": {after: never}}, "6a 4a", 0, "4a", 310 * ms, "6a@0 4a@10 4a again@210", 0, ":80 again: no longer needed", 200 * ms},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var closed atomic.Int32
				var mu sync.Mutex
				var begun []string
				start := time.Now()
				dial := func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
					mu.Lock()
					name := nameOf(a)
					if slices.ContainsFunc(begun, func(b string) bool { return strings.HasPrefix(b, name+"@") }) {
						name += " again"
					}
					f := tt.fates[name]
					begun = append(begun, fmt.Sprintf("%s@%d", name, time.Since(start).Milliseconds()))
					mu.Unlock()
					if f.deaf {
						ctx = context.WithoutCancel(ctx)
					}
					if !sleep(ctx, f.after) {
						return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
					}
					if f.err != nil {
						return nil, f.err
					}
					return counted{closed: &closed}, nil
				}
				ctx := context.Background()
				if tt.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.within)
					defer cancel()
				}
				var addrs []netip.AddrPort
				for w := range strings.FieldsSeq(tt.order) {
					addrs = append(addrs, address(w))
				}
				var wg sync.WaitGroup
				r := &race{dial: dial, backup: limit(tt.backup, forever), wg: &wg, order: addrs}
				won := r.run(ctx)
				now := time.Now()
				if (won != nil) != (tt.winner != "") || (won != nil && nameOf(won.addr) != tt.winner) {
					t.Fatalf("got %v", won)
				}
				if took := now.Sub(start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				wg.Wait()
				span := dialSpan{phase: timeline.Connect, start: start, end: now, attempts: r.spans(now)}
				if got := strings.Join(begun, " "); got != tt.begun {
					t.Errorf("begun %s, want %s", got, tt.begun)
				}
				if n := closed.Load(); n != tt.closed {
					t.Errorf("%d connections were closed, want %d", n, tt.closed)
				}
				checkRace(t, span, len(begun), tt.told)
			})
		})
	}
}

// checkRace checks what a race has recorded, as an exchange tells it.
func checkRace(t *testing.T, span dialSpan, attempts int, told string) {
	t.Helper()
	if len(span.attempts) != attempts {
		t.Errorf("%d attempts were recorded, want %d", len(span.attempts), attempts)
	}
	e := &timeline.Exchange{Start: span.start.Add(-time.Second)}
	e.Enter(timeline.Queue, timeline.Queued, e.Start)
	(&dialRecord{spans: []dialSpan{span}}).tell(e)
	e.Finish(span.end.Add(time.Second), nil)
	if err := e.Check(); err != nil {
		t.Error(err)
	}
	var notes []string
	for _, s := range e.Spans {
		for _, a := range s.Attempts {
			notes = append(notes, a.Note)
		}
	}
	if len(notes) != attempts || !strings.Contains(strings.Join(notes, ", "), told) {
		t.Errorf("the attempts say %q, want %q", notes, told)
	}
}
