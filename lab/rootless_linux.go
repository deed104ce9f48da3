package lab

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// An ordinary user has the rights to make a network in a user namespace, where he is
// root. A thread can enter one only while it is its process's only thread, which in
// Go it never is: so the program is started again inside, and this process does
// nothing more than stand for it.

// rootlessMark is in the environment of the program that was started again.
const rootlessMark = "LINGER_LAB_ROOTLESS"

// Rootless makes a program of an ordinary user one that can make labs. It is for
// main, before anything was done that must not be done twice.
//
// It returns nil at once where labs can be made as it is. Otherwise it starts this
// program again, with the same arguments and standard files, in a user namespace,
// passes signals on to it, and exits with its exit code; the second one dies with
// the first. Its error is an *[Error] whose Need says why that does not work: then
// the program goes on as it is, without labs.
func Rootless() error {
	again := os.Getenv(rootlessMark) != ""
	if err := os.Unsetenv(rootlessMark); err != nil {
		return failed("namespace", err)
	}
	err := Available()
	if err == nil || again || permitted() == nil || openable() != nil {
		return err
	}
	code, err := runAgain()
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

// runAgain runs this program in a user namespace and returns its exit code.
func runAgain() (int, error) {
	// It is to die with this process, which to the kernel means with this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), rootlessMark+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// In a group of its own it hears what is sent to this one's once, from here. But
	// what the keyboard sends is for the group that the terminal knows.
	apart := !inForeground()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:     apart,
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 16)
	for _, s := range passed {
		if !signal.Ignored(s) { // what nohup does holds inside, too
			signal.Notify(signals, s)
		}
	}
	if err := cmd.Start(); err != nil {
		signal.Stop(signals)
		return 0, refusedUser(err)
	}
	var passing sync.WaitGroup
	passing.Go(func() { passOn(signals, cmd.Process, apart) })
	err := cmd.Wait()
	signal.Stop(signals)
	close(signals)
	passing.Wait()
	return exitCode(cmd.ProcessState, err)
}

// passed are the signals that mean the program and not this process.
var passed = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// passOn passes signals on until the channel is closed. What the keyboard sends, a
// process that is not apart has heard itself: passed on, it would come twice.
func passOn(signals <-chan os.Signal, to *os.Process, apart bool) {
	for s := range signals {
		if !apart && (s == syscall.SIGINT || s == syscall.SIGQUIT) && inForeground() {
			continue
		}
		_ = to.Signal(s) // it may have ended
	}
}

// inForeground reports whether this process is of those that the terminal's keys
// are for.
func inForeground() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// signalled is what shells add to a signal's number where a signal ended a program.
const signalled = 128

// exitCode is the code to end with after a program that ended.
func exitCode(state *os.ProcessState, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, failed("namespace", err)
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return signalled + int(status.Signal()), nil
	}
	return state.ExitCode(), nil
}

// refusedUser is the error of a user namespace that could not be made.
func refusedUser(err error) error {
	for _, refused := range []error{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EUSERS, unix.EINVAL} {
		if errors.Is(err, refused) {
			return refusal(os.DirFS("/proc"), err, userKnobs...)
		}
	}
	return failed("namespace", err)
}
