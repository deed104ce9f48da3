package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// A Side is one end of the lab: the client's, or that of all servers. Its methods
// may be called by any goroutine until the lab is closed; then they fail with
// [net.ErrClosed].
//
// It is a network namespace, and the thread that made it. A socket belongs to the
// namespace of the thread that makes it, and a child process to that of the thread
// that starts it: everything that has to happen inside is a job for that thread.
// Once made, a socket serves any goroutine, as usual.
type Side struct {
	addrs []netip.Addr // of this side, IPv4 first
	names *names       // of the hosts; written before anybody reads

	jobs  chan job
	done  chan struct{}   // closed when the thread has ended
	open  context.Context // until close
	close func()          // ends the thread; it may be called again

	mu      sync.Mutex
	init    *initProcess // guarded by mu; nil until the first command
	running []*Cmd       // guarded by mu; those started that nobody has waited for
	ended   bool         // guarded by mu; no command may start any more
}

type job struct {
	do  func() error
	err chan<- error
}

// newSide starts the thread of a side, which leaves for a network and a mount
// namespace of its own.
func newSide(n *names) (*Side, error) {
	s := &Side{names: n, jobs: make(chan job), done: make(chan struct{})}
	open, end := context.WithCancel(context.Background())
	s.open, s.close = open, sync.OnceFunc(func() { s.finish(end) })
	ready := make(chan error)
	onThread(func() { s.thread(ready) })
	if err := <-ready; err != nil {
		end()
		<-s.done
		return nil, err
	}
	return s, nil
}

// onThread runs f in a goroutine on a thread of its own, which ends with f. That is
// never the process's first thread: that one cannot end, and what it does to itself
// others see as the process's own.
func onThread(f func()) { go keepThread(f) }

func keepThread(f func()) {
	runtime.LockOSThread() // and not unlocked, so that the thread ends
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	locked := make(chan struct{})
	go keepOther(f, locked)
	<-locked
	runtime.UnlockOSThread()
}

// keepOther runs f on whatever thread it gets while the first is held.
func keepOther(f func(), locked chan<- struct{}) {
	runtime.LockOSThread()
	close(locked)
	f()
}

// thread is the side's own. No other code may run in its namespaces.
func (s *Side) thread(ready chan<- error) {
	defer close(s.done)
	err := enterNamespaces()
	ready <- err
	if err != nil {
		return
	}
	for j := range s.jobs {
		j.err <- j.do()
	}
}

func enterNamespaces() error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return refusedNetwork(os.NewSyscallError("unshare", err))
	}
	// What is mounted here is to be seen here alone.
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	return failed("namespace", os.NewSyscallError("mount --make-rprivate /", err))
}

// run does something on the side's thread.
func (s *Side) run(do func() error) error {
	err := make(chan error, 1)
	select {
	case s.jobs <- job{do, err}:
	case <-s.done:
		return net.ErrClosed
	}
	select {
	case e := <-err:
		return e
	case <-s.done:
	}
	select { // the job may have been the last but one
	case e := <-err:
		return e
	default:
		return net.ErrClosed
	}
}

// endCommands kills what runs inside, and returns when it is gone. The init ends
// only after every process of its namespace was waited for.
func (s *Side) endCommands() error {
	s.mu.Lock()
	p, running := s.init, slices.Clone(s.running)
	s.init, s.ended = nil, true
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	err := p.kill()
	for _, c := range running {
		// Not here: what is copied to its standard input may be somebody's who never
		// ends.
		go c.reap()
	}
	p.wait()
	return err
}

// finish ends the thread, and what waits for an answer from inside. Sockets that are
// still open keep the namespace alive until they are closed.
func (s *Side) finish(end func()) {
	end()
	_ = s.run(func() error { runtime.Goexit(); return nil })
}

// Addrs are the side's addresses, IPv4 first: the client's, or those of all hosts
// in the order of Config and the DNS server's.
func (s *Side) Addrs() []netip.Addr { return append([]netip.Addr(nil), s.addrs...) }

// Listen listens inside, as [net.Listen] does. A host's name, or "localhost", stands
// for its IPv4 address.
func (s *Side) Listen(network, addr string) (net.Listener, error) {
	at, err := s.literal(addr)
	if err != nil {
		return nil, err
	}
	var l net.Listener
	err = s.run(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		l, err = lc.Listen(context.Background(), network, at)
		return err
	})
	return l, err
}

// ListenPacket listens for datagrams inside, as [net.ListenPacket] does.
func (s *Side) ListenPacket(network, addr string) (net.PacketConn, error) {
	at, err := s.literal(addr)
	if err != nil {
		return nil, err
	}
	var c net.PacketConn
	err = s.run(func() (err error) {
		c, err = net.ListenPacket(network, at)
		return err
	})
	return c, err
}

// literal puts an address in the place of a host's name: outside the lab nobody
// could look it up.
func (s *Side) literal(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if _, err := netip.ParseAddr(host); host == "" || err == nil {
		return addr, nil
	}
	found := s.lookUp(host)
	if len(found) == 0 {
		return "", noHost(host)
	}
	return net.JoinHostPort(found[0].String(), port), nil
}

// lookUp returns the addresses that a host stands for inside, IPv4 first; none if
// nobody has the name.
func (s *Side) lookUp(host string) []netip.Addr {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}
	}
	if host == "" || isLocalhost(host) {
		return loopback
	}
	return s.names.lookUp(host)
}

func noHost(name string) error {
	return &net.DNSError{Err: "no host of the lab has this name", Name: name, IsNotFound: true}
}

var errNoAddress = errors.New("the host has no address of this family")
