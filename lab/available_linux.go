package lab

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Available says whether New can make a lab here: nil, or an *[Error] whose Need is
// one sentence on what is missing and what to do about it. It makes a namespace and a
// device and changes a setting to find out, and lets them go. A program without privileges may become one
// that can: see [Rootless].
func Available() error {
	if err := permitted(); err != nil {
		return err
	}
	s, err := newSide(nil)
	if err != nil {
		return err
	}
	defer s.close()
	return s.run(func() error {
		t, err := openTun()
		if err != nil {
			return failed("tun", err)
		}
		closed := failed("tun", t.close())
		return cmp.Or(settable(), closed)
	})
}

// settable says whether the kernel's settings can be changed in the calling thread's
// namespace: it sets one to what it is.
func settable() error {
	name := Kernel{}.sysctls()[0].name
	return told("kernel", setSysctl(name, sysctl(name)))
}

// permitted asks what can be asked without trying.
func permitted() error {
	if err := openable(); err != nil {
		return err
	}
	if !capable(unix.CAP_SYS_ADMIN) || !capable(unix.CAP_NET_ADMIN) {
		return need(unix.EPERM, "this process may not make networks (CAP_SYS_ADMIN, CAP_NET_ADMIN): run as root, or in a user namespace (unshare --user --map-root-user)")
	}
	return nil
}

// openable says whether the device of devices may be opened.
func openable() error {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENOTDIR):
		return need(err, "there is no %s: load the kernel's tun module (modprobe tun), or give the container that device", tunDevice)
	case errors.Is(err, unix.EPERM):
		return need(err, "%s may not be opened (%v): give the container that device (docker run --device %[1]s)", tunDevice, err)
	case err != nil:
		return need(err, "%s may not be opened (%v): run as root, or let it be opened (chmod 0666 %[1]s)", tunDevice, err)
	}
	return failed("tun", unix.Close(fd))
}

func need(err error, format string, args ...any) error {
	return &Error{Op: "namespace", Need: fmt.Sprintf(format, args...), Err: err}
}

// A knob is a file under /proc, at whose setting the kernel refuses namespaces.
type knob struct{ file, at, need string }

// networkKnobs matter to whoever makes a network namespace, userKnobs to ordinary
// users who need a user namespace for it.
var (
	networkKnobs = []knob{
		{"sys/user/max_net_namespaces", "0", "network namespaces are off: sysctl user.max_net_namespaces=1000"},
	}
	userKnobs = []knob{
		{"sys/user/max_user_namespaces", "0", "user namespaces are off: run as root, or sysctl user.max_user_namespaces=1000"},
		{"sys/kernel/unprivileged_userns_clone", "0", "user namespaces are off for ordinary users: run as root, or sysctl kernel.unprivileged_userns_clone=1"},
		{"sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor gives ordinary users no rights in user namespaces: run as root, or sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
	}
)

// refusal says which setting it is that has the kernel refuse, and what to do;
// otherwise, with the kernel's own words, that it does.
func refusal(proc fs.FS, err error, knobs ...knob) error {
	for _, k := range knobs {
		if b, readErr := fs.ReadFile(proc, k.file); readErr == nil && strings.TrimSpace(string(b)) == k.at {
			return need(err, "%s", k.need)
		}
	}
	return need(err, "the kernel refuses this process namespaces (%v): run as root, and in a container with the rights to make them (docker run --privileged)", err)
}

// inUserNamespace reports whether this process is root in a user namespace alone.
// In the first one, every number stands for itself.
func inUserNamespace(proc fs.FS) bool {
	b, err := fs.ReadFile(proc, "self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
}

// refusedNetwork is the error of a network namespace that could not be made.
func refusedNetwork(err error) error {
	proc, knobs := os.DirFS("/proc"), networkKnobs
	if inUserNamespace(proc) {
		knobs = append(knobs[:len(knobs):len(knobs)], userKnobs...)
	}
	return refusal(proc, err, knobs...)
}

// capable reports whether this process has a capability, in its own user
// namespace.
func capable(c int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return os.Geteuid() == 0
	}
	return data[c/32].Effective&(1<<(c%32)) != 0
}
