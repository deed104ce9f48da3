package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// The commands of a side, and all that they start, live in a process namespace
// whose first process is this program again, as a bare init. When that dies the
// kernel kills every process in the namespace, whatever it has become: and it dies
// when the lab is closed, or when the lab's process is gone, however it went.

const initName = "linger-lab-init"

// init turns a process that was started as a lab's init into one. The init functions
// of packages that were initialised before this one have run by then; main does not.
func init() {
	if len(os.Args) == 1 && os.Args[0] == initName {
		os.Exit(beInit())
	}
}

// beInit reaps orphans until its standard input ends: its parent has the other end.
func beInit() int {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGPIPE)
	// Without a /proc of its own it works, too, where the mount is not allowed: only
	// that process numbers look foreign to those who read it there.
	_ = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if _, err := os.Stdout.WriteString("\n"); err != nil {
		return 1
	}
	go reap(children)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// reap takes in every child that ends: as an init it inherits those whose parents
// have ended.
func reap(children <-chan os.Signal) {
	for range children {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 && err != syscall.EINTR {
				break
			}
		}
	}
}

// An initProcess is the first process of a side's process namespace.
type initProcess struct {
	cmd   *exec.Cmd
	alive io.Closer // the other end of its standard input
}

// startInit starts it from the calling thread, whose later children go to its
// namespace.
func startInit() (*initProcess, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{initName}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	ready, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &initProcess{cmd, alive}
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		return nil, errors.Join(fmt.Errorf("its init did not start: %w", err), p.end())
	}
	if err := joinProcesses(cmd.Process.Pid); err != nil {
		return nil, errors.Join(err, p.end())
	}
	return p, nil
}

// joinProcesses sends the calling thread's later children to the process
// namespace of a process.
func joinProcesses(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(fd)
	return os.NewSyscallError("setns", unix.Setns(fd, unix.CLONE_NEWPID))
}

// kill kills every process of the namespace.
func (p *initProcess) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// wait returns when the last process of the namespace is gone.
func (p *initProcess) wait() { _ = p.cmd.Wait() } // it says that it was killed

// end is both, while there is nothing in the namespace yet.
func (p *initProcess) end() error {
	err := p.kill()
	p.wait()
	return err
}
