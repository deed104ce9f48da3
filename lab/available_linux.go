package lab

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Available says whether New can make a lab here: nil, or an *[Error] whose Need is
// one sentence on what is missing and what to do about it. A program without
// privileges may become one that can: see [Rootless].
func Available() error {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return need(err, "there is no %s: load the kernel's tun module (modprobe tun), or give the container that device", tunDevice)
	case err != nil:
		return need(err, "%s may not be opened (%v): run as root, or let it be opened (chmod 0666 %[1]s)", tunDevice, err)
	}
	if err := unix.Close(fd); err != nil {
		return failed("tun", err)
	}
	if !capable(unix.CAP_SYS_ADMIN) {
		return need(unix.EPERM, "this process may not make network namespaces (CAP_SYS_ADMIN): run as root")
	}
	return nil
}

func need(err error, format string, args ...any) error {
	return &Error{Op: "namespace", Need: fmt.Sprintf(format, args...), Err: err}
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
