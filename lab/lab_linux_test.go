package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lingerhttp/linger/link"
)

// testRole says in the environment which program the test binary is to be.
const testRole = "LINGER_LAB_TEST"

// roles are the programs that tests start, by their names.
var roles = map[string]func() error{
	"available": availableRole,
	"commands":  commandsRole,
	"use":       useRole,
	"rootless":  rootlessRole,
}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(testRole)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// newLab makes a lab for a test, closes it at its end and sees that nothing is
// left.
func newLab(t *testing.T, c Config) *Lab {
	t.Helper()
	needLab(t)
	checkLeaks(t)
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// needLab skips a test where no lab can be made.
func needLab(t *testing.T) {
	t.Helper()
	if err := warmUp(); err != nil {
		t.Skip(err)
	}
}

// warmUp makes a first lab, after which the Go runtime and the packages below have
// opened what they keep open.
var warmUp = sync.OnceValue(func() error {
	if err := Available(); err != nil {
		return err
	}
	l, err := New(Config{})
	if err != nil {
		return err
	}
	return errors.Join(l.Client.Command(context.Background(), "true").Run(), l.Close())
})

// leftovers is what a process has that a lab might leave behind, a line each.
func leftovers() []string {
	var all []string
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil {
			kind, _, _ := strings.Cut(to, "[") // without a number
			all = append(all, "descriptor of "+kind)
		}
	}
	tasks, _ := filepath.Glob("/proc/self/task/*")
	seen := make(map[string]bool)
	for _, task := range tasks {
		children, _ := os.ReadFile(task + "/children")
		for _, child := range strings.Fields(string(children)) {
			all = append(all, "process "+child)
		}
		for _, kind := range []string{"net", "mnt", "pid_for_children"} {
			if ns, err := os.Readlink(task + "/ns/" + kind); err == nil && !seen[ns] {
				seen[ns] = true
				all = append(all, "namespace "+ns)
			}
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for m := range strings.Lines(string(mounts)) {
		if strings.Contains(m, "linger-lab") || strings.Contains(m, " nsfs ") {
			all = append(all, "mount "+m)
		}
	}
	all = append(all, labGoroutines()...)
	slices.Sort(all)
	return all
}

// labGoroutines are the stacks of this package's goroutines, but for those of tests.
func labGoroutines() []string {
	buf := make([]byte, 1<<20)
	var all []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "linger/lab.") && !strings.Contains(stack, "_test.go") {
			_, stack, _ = strings.Cut(stack, "\n") // without its number and state
			all = append(all, "goroutine "+stack)
		}
	}
	return all
}

// checkLeaks compares leftovers now with those at the end of the test.
func checkLeaks(t *testing.T) {
	t.Helper()
	before := leftovers()
	t.Cleanup(func() {
		var now []string
		for range 100 {
			if now = added(before, leftovers()); len(now) == 0 {
				return
			}
			time.Sleep(20 * time.Millisecond) // the kernel takes down namespaces behind our back
		}
		t.Errorf("left behind:\n%s", strings.Join(now, "\n"))
	})
}

// added are the lines of now that before has not, or not so often.
func added(before, now []string) []string {
	before = slices.Clone(before)
	return slices.DeleteFunc(slices.Clone(now), func(s string) bool {
		i := slices.Index(before, s)
		if i >= 0 {
			before = slices.Delete(before, i, i+1)
		}
		return i >= 0
	})
}

// symmetric is a lab with a round trip.
func symmetric(rtt time.Duration) Config {
	return Config{Up: link.Config{Delay: rtt / 2}, Down: link.Config{Delay: rtt / 2}}
}

// echo sends back, until the test ends, what comes to an address of the server side.
func echo(t *testing.T, l *Lab, network, addr string) net.Listener {
	t.Helper()
	listener, err := l.Server.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		var all []net.Conn
		for {
			c, err := listener.Accept()
			if err != nil {
				break
			}
			all = append(all, c)
			serving.Go(func() {
				_, _ = io.Copy(c, c) // until the client ends
				_ = c.Close()
			})
		}
		for _, c := range all {
			_ = c.Close() // its client may be gone without a word
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return listener
}

// exchange sends data over a connection to an echo, closes it, and returns what came
// back.
func exchange(c net.Conn, data []byte) ([]byte, error) {
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		sent <- err
	}()
	got := make([]byte, len(data))
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, err := io.ReadFull(c, got)
	err = errors.Join(err, <-sent, c.Close())
	return got, err
}

func TestCloseTwice(t *testing.T) {
	l := newLab(t, Config{})
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestUseAfterClose(t *testing.T) {
	l := newLab(t, Config{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for name, use := range map[string]func(s *Side) error{
		"Dial":         func(s *Side) error { _, err := s.Dial("tcp", "origin:80"); return err },
		"Dial UDP":     func(s *Side) error { _, err := s.Dial("udp", "origin:80"); return err },
		"Listen":       func(s *Side) error { _, err := s.Listen("tcp", ":0"); return err },
		"ListenPacket": func(s *Side) error { _, err := s.ListenPacket("udp", ":0"); return err },
		"Listens":      func(s *Side) error { _, err := s.Listens(80); return err },
		"Command":      func(s *Side) error { return s.Command(ctx, "true").Run() },
		"Resolver":     func(s *Side) error { _, err := s.Resolver().LookupHost(ctx, "origin"); return err },
		"Quiet":        func(*Side) error { return l.Quiet(ctx) },
		"Renew":        func(*Side) error { return l.Renew(1) },
	} {
		for _, s := range []*Side{l.Client, l.Server} {
			err := use(s)
			if name == "Resolver" && err != nil { // Go's resolver keeps its errors' texts alone
				continue
			}
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v, want net.ErrClosed", name, err)
			}
		}
	}
	if up, down := l.Counts(); up.Packets != 0 || down.Packets != 0 {
		t.Error("counts after Close")
	}
	_ = l.Certificate()
}

// TestCloseWhileInUse closes a lab under those who use it.
func TestCloseWhileInUse(t *testing.T) {
	l := newLab(t, symmetric(20*time.Millisecond))
	var users sync.WaitGroup
	for _, use := range []func() error{
		func() error { return l.Client.Command(context.Background(), "true").Run() },
		func() error { _, err := l.Client.Dial("tcp", "origin:80"); return err }, // refused
		func() error { l.Counts(); return l.Renew(1) },
		func() error { l.Certificate(); return l.Quiet(context.Background()) },
		func() error {
			listener, err := l.Server.Listen("tcp", ":0")
			if err == nil {
				err = listener.Close()
			}
			return err
		},
	} {
		users.Go(func() {
			for err := error(nil); !errors.Is(err, net.ErrClosed); {
				err = use()
			}
		})
	}
	time.Sleep(100 * time.Millisecond) // for which all are in use, in whatever order
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	users.Wait()
}

func TestBadConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"MTU":        {MTU: 100},
		"DNS delay":  {DNSDelay: time.Hour},
		"hosts":      {Hosts: make([]Host, maxHosts+1)},
		"nameless":   {Hosts: []Host{{}}},
		"name":       {Hosts: []Host{{Names: []string{"a b"}}}},
		"address":    {Hosts: []Host{{Names: []string{"10.0.0.1"}}}},
		"twice":      {Hosts: []Host{{Names: []string{"a"}}, {Names: []string{"A"}}}},
		"delay":      {Up: link.Config{Delay: time.Hour}},
		"loss":       {Down: link.Config{Loss: 2}},
		"host delay": {Hosts: []Host{{Names: []string{"a"}, Up: link.Config{Delay: -1}}}},
		"window":     {Client: Kernel{InitialWindow: -1}},
		"MSS":        {Server: Kernel{MSS: 1}},
		"ports":      {Client: Kernel{FirstPort: 9}},
	} {
		l, err := New(c)
		if err == nil {
			_ = l.Close()
		}
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want an error in one line", name, err)
		}
	}
}

// TestTwoLabs has two at once, with the same addresses.
func TestTwoLabs(t *testing.T) {
	one, two := newLab(t, Config{}), newLab(t, Config{})
	for _, l := range []*Lab{one, two} {
		if err := useTCP(l); err != nil {
			t.Error(err)
		}
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if err := useTCP(two); err != nil {
		t.Error(err)
	}
}

// TestFailureInTheMiddle sees that New takes away what it had made.
func TestFailureInTheMiddle(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	procs := runtime.GOMAXPROCS(0)
	for _, c := range []Config{
		{Client: Kernel{Congestion: "nosuch"}, Tap: func(Record) {}},
		{Server: Kernel{Congestion: "nosuch"}, Tap: func(Record) {}},
	} {
		_, err := New(c)
		if err == nil || !strings.HasPrefix(err.Error(), `lab: config: this kernel has no congestion control "nosuch": it has `) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: want one line that says what is not there", err)
		}
		var e *Error
		if !errors.As(err, &e) || e.Need != "" {
			t.Errorf("%#v: want an Error about the configuration", err)
		}
	}
	if now := runtime.GOMAXPROCS(0); now != procs {
		t.Errorf("GOMAXPROCS %d, was %d", now, procs)
	}
}

func TestIPv6Off(t *testing.T) {
	const all, standard = "sys/net/ipv6/conf/all/disable_ipv6", "sys/net/ipv6/conf/default/disable_ipv6"
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, c := range []struct {
		proc fstest.MapFS
		want string
	}{
		{fstest.MapFS{all: file("0\n"), standard: file("0\n")}, ""},
		{fstest.MapFS{all: file("1\n"), standard: file("1\n")}, "IPv6 is switched off (net.ipv6.conf.all.disable_ipv6): only IPv4 is used"},
		{fstest.MapFS{all: file("0\n"), standard: file("1\n")}, "IPv6 is switched off (net.ipv6.conf.default.disable_ipv6): only IPv4 is used"},
		{fstest.MapFS{}, "the kernel has no IPv6: only IPv4 is used"},
	} {
		if got := ipv6Off(c.proc); got != c.want {
			t.Errorf("%v: %q, want %q", c.proc, got, c.want)
		}
	}
}

// TestWithoutIPv6 makes a lab where the kernel shows no IPv6.
func TestWithoutIPv6(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	l, err := newLabOn(Config{}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if notes := l.Notes(); len(notes) != 1 || notes[0] != "the kernel has no IPv6: only IPv4 is used" {
		t.Errorf("notes %q", notes)
	}
	out, err := l.Client.Command(t.Context(), "getent", "ahosts", "origin").Output()
	if err != nil || !strings.HasPrefix(string(out), "198.19.1.1 ") || strings.Contains(string(out), ":") {
		t.Errorf("origin is %q: %v", out, err)
	}
	if _, err := l.Client.Dial("tcp6", "origin:80"); !errors.Is(err, errNoAddress) {
		t.Errorf("IPv6: %v, want that there is no address", err)
	}
	if err := useTCP(l); err != nil {
		t.Error(err)
	}
}

// TestReadOnlySettings makes one where /proc/sys is for reading, as in a container.
func TestReadOnlySettings(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	if out, err := runRole(t, "use", protectSettings).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func protectSettings() error {
	return errors.Join(unix.Mount("/proc/sys", "/proc/sys", "", unix.MS_BIND|unix.MS_REC, ""),
		unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
}

// TestLockedSettings: where that cannot be undone, Available says so as New does.
func TestLockedSettings(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	cmd := runRole(t, "available", protectSettings)
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	// What a user namespace finds mounted for reading alone, it may not remount.
	at := slices.Index(cmd.Args, "--") + 1
	cmd.Args = slices.Insert(cmd.Args, at, unshare, "--user", "--map-root-user", "--mount")
	out, err := cmd.CombinedOutput()
	const want = "no lab can be made here: /proc/sys/ is for reading alone: let the kernel's settings be changed (docker run --privileged)\n"
	if err == nil || string(out) != want+want {
		t.Errorf("%v: %s, want twice %s", err, out, want)
	}
}

// availableRole is a program that says what Available and New say.
func availableRole() error {
	fmt.Println(Available())
	l, err := New(Config{})
	if err == nil {
		_ = l.Close()
	}
	return err
}

// TestResolverBehindLink makes one where /etc/resolv.conf is a link into /run, as
// systemd-resolved has it.
func TestResolverBehindLink(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	real := filepath.Join(t.TempDir(), "etc")
	if err := os.CopyFS(real, os.DirFS("/etc")); err != nil && !errors.Is(err, fs.ErrInvalid) {
		t.Log(err) // of what is not a file
	}
	link := func() error {
		return errors.Join(unix.Mount("none", "/run", "tmpfs", 0, ""),
			os.WriteFile("/run/resolv.conf", []byte("nameserver 127.0.0.1\n"), 0o644),
			unix.Mount(real, "/etc", "", unix.MS_BIND, ""),
			os.RemoveAll("/etc/resolv.conf"),
			os.Symlink("/run/resolv.conf", "/etc/resolv.conf"))
	}
	if out, err := runRole(t, "use", link).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// useRole is a program that makes a lab and uses it.
func useRole() (err error) {
	l, err := New(Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if notes := l.Notes(); len(notes) > 0 {
		return fmt.Errorf("notes %q", notes)
	}
	out, err := l.Client.Command(context.Background(), "getent", "ahosts", "origin").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "198.19.1.1 ") {
		return fmt.Errorf("origin is %q: %w", out, err)
	}
	return useTCP(l)
}

// useTCP makes an exchange over TCP.
func useTCP(l *Lab) error {
	listener, err := l.Server.Listen("tcp", "origin:80")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err == nil {
			_, err = io.Copy(c, c)
			err = errors.Join(err, c.Close())
		}
		served <- err
	}()
	c, err := l.Client.Dial("tcp", "origin:80")
	if err != nil {
		return errors.Join(err, listener.Close(), <-served)
	}
	got, err := exchange(c, []byte("hello"))
	if err == nil && string(got) != "hello" {
		err = fmt.Errorf("%q came back", got)
	}
	return errors.Join(err, <-served, listener.Close())
}

// tooSoon reports whether something took less time than packets take. When a packet
// entered is an estimate: each of two ways may seem shorter by what the relay takes
// to wake at most.
func tooSoon(took, plan time.Duration) bool { return took < plan-2*mostUsual }
