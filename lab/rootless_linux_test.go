package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

// rootlessRole is an ordinary user's program. Its argument says what it does once it
// has a lab; its exit code is 42.
func rootlessRole() error {
	if err := Rootless(); err != nil {
		return err
	}
	l, err := New(Config{})
	if err != nil {
		return err
	}
	if len(os.Args) > 1 && os.Args[1] == "die" {
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if len(os.Args) > 1 && os.Args[1] == "wait" {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		if err := l.Client.Command(context.Background(), "sleep", os.Args[2]).Start(); err != nil {
			return err
		}
		fmt.Println("ready")
		<-signals
	} else if err := useRootless(l); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := l.Close(); err != nil {
		return err
	}
	os.Exit(42)
	return nil
}

// useRootless tries what depends on rights.
func useRootless(l *Lab) error {
	if notes := l.Notes(); len(notes) > 0 {
		return fmt.Errorf("notes %q", notes)
	}
	if v := os.Getenv(rootlessMark); v != "" {
		return fmt.Errorf("programs inside would see %s=%s", rootlessMark, v)
	}
	if err := useTCP(l); err != nil {
		return err
	}
	out, err := l.Client.Command(context.Background(), "getent", "ahosts", "origin").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "198.19.1.1 ") {
		return fmt.Errorf("getent: %w: %s", err, out)
	}
	out, err = l.Client.Command(context.Background(), "ls", "/proc").Output()
	if err != nil || strings.Contains(string(out), fmt.Sprint("\n", os.Getpid(), "\n")) {
		return fmt.Errorf("/proc is not its own: %w: %s", err, out)
	}
	input, err := io.ReadAll(os.Stdin)
	if err == nil {
		fmt.Printf("%s", input)
	}
	return err
}

// asNobody prepares the test binary as the program of an ordinary user, where the
// device of devices has the given rights.
func asNobody(t *testing.T, rights os.FileMode, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program, node := filepath.Join(dir, "program"), filepath.Join(dir, "tun")
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), testRole+"=rootless")
	cmd = inMountNamespace(t, cmd, func() error {
		err := unix.Mount("none", dir, "tmpfs", 0, "mode=755")
		return errors.Join(err,
			os.WriteFile(program, self, 0o755),
			unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200))),
			os.Chmod(node, rights),
			unix.Mount(node, tunDevice, "", unix.MS_BIND, ""))
	})
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Fatal(err)
	}
	at := 3 // behind nsenter, its flag and the dashes
	cmd.Args = append(cmd.Args[:at:at], append([]string{setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"}, cmd.Args[at:]...)...)
	cmd.Dir = "/"
	return cmd
}

func TestRootless(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	cmd := asNobody(t, 0o666)
	cmd.Stdin = strings.NewReader("input")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 42 || string(out) != "input" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestRootlessKilled(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	out, err := asNobody(t, 0o666, "die").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != signalled+int(syscall.SIGKILL) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestRootlessSignals(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGTERM, 42}, {syscall.SIGKILL, -1}} {
		sleep := marker()
		cmd := asNobody(t, 0o666, "wait", sleep)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		readUntilReady(t, stdout)
		awaitProcesses(t, sleep, 1)
		_ = cmd.Process.Signal(c.signal)
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != c.code {
			t.Errorf("%v: %v, want exit code %d", c.signal, err, c.code)
		}
		awaitGone(t, sleep, nil)
	}
}

func TestRootlessWithoutDevice(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	out, err := asNobody(t, 0o600).CombinedOutput()
	const want = "no lab can be made here: /dev/net/tun may not be opened (permission denied): run as root, or let it be opened (chmod 0666 /dev/net/tun)\n"
	if err == nil || string(out) != want {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}

func TestRootlessAsRoot(t *testing.T) {
	needLab(t)
	if err := Rootless(); err != nil {
		t.Error(err)
	}
}

// TestRefusal holds the reasons that a kernel has against the sentences.
func TestRefusal(t *testing.T) {
	for file, want := range map[string]string{
		"":                                     "no lab can be made here: the kernel refuses this process namespaces (operation not permitted): run as root, and in a container with the rights to make them (docker run --privileged)",
		"sys/user/max_user_namespaces":         "no lab can be made here: user namespaces are off: run as root, or sysctl user.max_user_namespaces=1000",
		"sys/kernel/unprivileged_userns_clone": "no lab can be made here: user namespaces are off for ordinary users: run as root, or sysctl kernel.unprivileged_userns_clone=1",
		"sys/kernel/apparmor_restrict_unprivileged_userns": "no lab can be made here: AppArmor gives ordinary users no rights in user namespaces: run as root, or sysctl kernel.apparmor_restrict_unprivileged_userns=0",
	} {
		proc := fstest.MapFS{"sys/kernel/other": {Data: []byte("1\n")}}
		for _, k := range userKnobs {
			value := "0\n"
			if (k.at == "0") != (k.file == file) {
				value = "1\n"
			}
			proc[k.file] = &fstest.MapFile{Data: []byte(value)}
		}
		err := refusal(proc, unix.EPERM, userKnobs...)
		if err.Error() != want || !errors.Is(err, unix.EPERM) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}

func TestInUserNamespace(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": false,
		"         0       1000          1\n": true,
	} {
		proc := fstest.MapFS{"self/uid_map": {Data: []byte(text)}}
		if got := inUserNamespace(proc); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
