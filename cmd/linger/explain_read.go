package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
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
	hintNoHTTP  = "none can be told whose heads were cut off (tcpdump -s 0 keeps them) or came before the capture, and of TLS none without its handshake"
	hintURL     = "a URL begins with http:// or https://, and a host follows"
)

// read reads a capture to its end. Its error is that there is nothing to read; what
// is wrong with what was read is among the explanation's defects.
func (g *gathering) read(ctx context.Context, s *source) error {
	defer g.clientAlone()
	if s.path == "" {
		return nil
	}
	in, err := openInput(ctx, s.path)
	if err != nil {
		return explainError{err, hintOpen(s.path, err)}
	}
	defer in.Close()
	r, err := packet.NewReader(in)
	if err != nil {
		return explainError{fmt.Errorf("%s: %w", s.name, err), hintOfCapture(err)}
	}
	if !g.flags.all && !g.flags.json { // these keep every exchange
		defer boundMemory()()
	}
	failure := g.packets(ctx, r, s.path == "-")
	g.explainer.Close()
	g.interfaces.known = r.Interfaces()
	d := r.Defects()
	g.x.Packets, g.tcp = int64(d.Read), int64(d.TCP)
	g.x.Defects = append(g.x.Defects, d.Sentences()...)
	if failure != nil {
		g.x.Defects = append(g.x.Defects, fmt.Sprintf("Reading ended early: %v.", failure))
	}
	return nil
}

// softLimit is from where on memory is cleaned up more often rather than taken, in bytes.
// What a capture leaves behind is mostly garbage: of 250 MB that are in use, the collector
// would else make 500.
const softLimit = 384 << 20

// boundMemory sets the limit unless the user has set a lower one (GOMEMLIMIT), and
// returns what takes it back.
func boundMemory() func() {
	before := debug.SetMemoryLimit(-1)
	if before <= softLimit {
		return func() {}
	}
	debug.SetMemoryLimit(softLimit)
	return func() { debug.SetMemoryLimit(before) }
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
	case g.x.Packets == 0 && g.client == nil:
		return explainError{fmt.Errorf("%s: there are no packets in it", name), hintNoTCP}
	case g.tcp == 0 && g.client == nil:
		return explainError{fmt.Errorf("%s: there is no TCP in it", name), hintNoTCP}
	case f.network != "" && !g.interfaces.met:
		return explainError{fmt.Errorf("%s: no packet is of the interface %q", name, f.network), g.interfaces.hint()}
	case g.numbers.told > 0 && f.exchange > g.numbers.told:
		return explainError{fmt.Errorf("%s: there is no exchange %d", name, f.exchange), fmt.Sprintf("they are numbered 1 to %d", g.numbers.told)}
	case g.x.Exchanges == 0 && len(g.others) > 0:
		return explainError{fmt.Errorf("%s: no exchange is on a connection like %s", name, f.connection), "there is " + strings.Join(g.others, ", ")}
	case g.x.Exchanges == 0:
		return explainError{fmt.Errorf("%s: no HTTP exchange was found on its TCP connections", name), hintNoHTTP}
	case f.exchange > 0 && len(g.shown) == 0:
		return explainError{fmt.Errorf("%s: exchange %d is not on a connection like %s", name, f.exchange, f.connection), ""}
	}
	return nil
}

// hintOpen is what helps where a file cannot be opened.
func hintOpen(name string, err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return ""
	case errors.Is(err, fs.ErrNotExist) && strings.Contains(name, ":"):
		return hintURL
	}
	return hintCapture
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
