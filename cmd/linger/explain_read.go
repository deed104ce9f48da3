package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lingerhttp/linger/packet"
)

// Reading a capture for linger explain: which packets are taken, and what is said
// where there is nothing to explain.

// An explainError is a capture that cannot be explained.
type explainError struct {
	err  error
	hint string
}

func (e explainError) Error() string { return e.err.Error() }
func (e explainError) Unwrap() error { return e.err }
func (e explainError) Hint() string  { return e.hint }

// hints about captures.
const (
	hintCapture = "tcpdump -i any -s 0 -w FILE tcp makes a capture; linger lab --pcap FILE does, too"
	hintNoTCP   = "was the right interface captured, and did the filter let TCP through? " + hintCapture
	hintNoHTTP  = "TLS can be told only where its handshake was captured, and --port N leaves other protocols out"
)

// read reads a capture to its end. Its error is that there is nothing to read; what
// is wrong with what was read is among the explanation's defects.
func (g *gathering) read(ctx context.Context, name string) error {
	in, err := openInput(ctx, name)
	if err != nil {
		return explainError{err, hintCapture}
	}
	defer in.Close()
	r, err := packet.NewReader(in)
	if err != nil {
		return explainError{fmt.Errorf("%s: %w", name, err), hintOfCapture(err)}
	}
	failure := g.packets(ctx, r, name == "-")
	g.explainer.Close()
	g.interfaces.known = r.Interfaces()
	d := r.Defects()
	g.x.Packets, g.tcp = int64(d.Read), int64(d.TCP)
	g.x.Defects = d.Sentences()
	if failure != nil {
		g.x.Defects = append(g.x.Defects, fmt.Sprintf("Reading ended early: %v.", failure))
	}
	return nil
}

func hintOfCapture(err error) string {
	if errors.As(err, new(*packet.NotCapture)) {
		return hintCapture
	}
	return ""
}

// packets takes the packets of a capture in. Its error is that of the file's reader.
func (g *gathering) packets(ctx context.Context, r *packet.Reader, stream bool) error {
	secrets := 0
	for p, err := range r.Packets() {
		if errors.As(err, new(*packet.Damage)) {
			continue // counted among the defects
		}
		if err != nil {
			return err
		}
		if p.Number&1023 == 0 && ctx.Err() != nil && !stream { // a stream has an end of its own
			g.stopped = true
			return nil
		}
		if all := r.Secrets(); len(all) > secrets {
			g.explainer.Secrets(all[secrets:])
			secrets = len(all)
		}
		g.packet(p, r)
	}
	return nil
}

func (g *gathering) packet(p *packet.Packet, r *packet.Reader) {
	if g.first == 0 || p.At < g.first {
		g.first = p.At
	}
	g.last = max(g.last, p.At)
	if g.interfaces.takes(p, r.Interfaces()) {
		g.explainer.Add(p)
	}
}

// verdict says why there is nothing to show, nil if there is something.
func (g *gathering) verdict(name string) error {
	f := g.flags
	switch {
	case g.tcp == 0:
		return explainError{fmt.Errorf("%s: there is no TCP in it", name), hintNoTCP}
	case f.network != "" && !g.interfaces.met:
		return explainError{fmt.Errorf("%s: no packet is of the interface %q", name, f.network), g.interfaces.hint()}
	case g.highest > 0 && f.exchange > g.highest:
		return explainError{fmt.Errorf("%s: there is no exchange %d", name, f.exchange), fmt.Sprintf("they are numbered 1 to %d", g.highest)}
	case g.x.Exchanges == 0 && len(g.others) > 0:
		return explainError{fmt.Errorf("%s: no exchange is on a connection like %s", name, f.connection), "there is " + strings.Join(g.others, ", ")}
	case g.x.Exchanges == 0:
		return explainError{fmt.Errorf("%s: no HTTP exchange was found on its TCP connections", name), hintNoHTTP}
	case f.exchange > 0 && len(g.shown) == 0:
		return explainError{fmt.Errorf("%s: exchange %d is not on a connection like %s", name, f.exchange, f.connection), ""}
	}
	return nil
}

// openInput opens a file, or standard input for "-".
func openInput(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return openStdin(ctx), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, plainPath(err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s is a folder, not a capture", name)
	}
	return f, nil
}

// plainPath is an error about a file without the call that met it: "FILE: no such
// file or directory".
func plainPath(err error) error {
	var byPath *os.PathError
	if errors.As(err, &byPath) {
		return fmt.Errorf("%s: %w", byPath.Path, byPath.Err)
	}
	return err
}

// afterInterrupt is how long standard input may still bring what its writer had
// left, once the user has interrupted both.
const afterInterrupt = time.Second

// openStdin reads standard input through a pipe, so that an interrupt ends it even
// while nothing comes: what was read by then is explained.
func openStdin(ctx context.Context) io.ReadCloser {
	r, w := io.Pipe()
	go copyStdin(w) // until it ends, or the program does
	context.AfterFunc(ctx, func() {
		time.Sleep(afterInterrupt)
		w.Close()
	})
	return r
}

func copyStdin(w *io.PipeWriter) {
	_, err := io.Copy(w, os.Stdin)
	w.CloseWithError(err) // nil is the end of the file
}

// An interfaceChoice takes the packets of one interface for each connection: a
// capture on several, as that of the lab's two ends is, holds packets more than once.
type interfaceChoice struct {
	want string // of --interface; empty: the first that has the connection
	met  bool   // packets of it were there

	of    map[endpoints]int // for captures of several interfaces
	left  []int             // packets that were left out, by interface
	taken []int             // packets that were taken
	known []packet.Interface
}

// endpoints names a connection, whoever sent the packet.
type endpoints struct {
	low, high netip.AddrPort
	protocol  uint8
}

func endpointsOf(p *packet.Packet) endpoints {
	a, b := p.Src, p.Dst
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return endpoints{a, b, p.Protocol}
}

// mostEndpoints bounds the memory for connections: beyond it they are met anew.
const mostEndpoints = 400_000

// takes decides on a packet, known being the interfaces so far.
func (c *interfaceChoice) takes(p *packet.Packet, known []packet.Interface) bool {
	if c.want != "" {
		is := p.Interface < len(known) && known[p.Interface].Name == c.want
		c.met = c.met || is
		return is
	}
	if len(known) < 2 {
		return true
	}
	for len(c.left) < len(known) {
		c.left, c.taken = append(c.left, 0), append(c.taken, 0)
	}
	if c.of == nil || len(c.of) > mostEndpoints {
		c.of = make(map[endpoints]int)
	}
	key := endpointsOf(p)
	first, met := c.of[key]
	if !met {
		c.of[key], first = p.Interface, p.Interface
	}
	if first != p.Interface {
		c.left[p.Interface]++
		return false
	}
	c.taken[p.Interface]++
	return true
}

// notes say what was left out.
func (c *interfaceChoice) notes() []string {
	var all []string
	for i, n := range c.left {
		if n == 0 {
			continue
		}
		was := "s were"
		if n == 1 {
			was = " was"
		}
		all = append(all, fmt.Sprintf("%d packet%s left out: they were captured on %s, of connections that were seen first on %s; --interface NAME chooses",
			n, was, c.name(i), c.others(i)))
	}
	return all
}

// others names the interfaces of which packets were taken.
func (c *interfaceChoice) others(but int) string {
	var names []string
	for i, n := range c.taken {
		if n > 0 && (i != but || len(c.taken) == 1) {
			names = append(names, c.name(i))
		}
	}
	return strings.Join(names, ", ")
}

func (c *interfaceChoice) name(i int) string {
	if i < len(c.known) && c.known[i].Name != "" {
		return fmt.Sprintf("%q", c.known[i].Name)
	}
	return fmt.Sprintf("interface %d", i+1)
}

// hint names the interfaces there are.
func (c *interfaceChoice) hint() string {
	var names []string
	for i := range c.known {
		if name := c.name(i); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "there is " + strings.Join(names, ", ")
}
