package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What programs inside find under /etc: the lab's resolver and no other. The files
// lie in memory and are mounted over those of the system, in the side's mount
// namespace alone: nothing is written to a disk, nothing is left behind.

type overlay struct{ path, text string }

// overlays are the files. A name service switch that asks systemd-resolved or nscd
// would ask outside of the lab.
func overlays() []overlay {
	return []overlay{
		{"/etc/resolv.conf", fmt.Sprintf("nameserver %v\nsearch .\noptions timeout:5 attempts:3\n", dnsAddr4)},
		{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
		// The socket of nscd, which looks names up outside: nobody listens at a file.
		{"/run/nscd/socket", ""},
		{"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
	}
}

// layFiles mounts the files in the mount namespace of the calling thread. What the
// system has not, need not be covered, but that without the first nobody asks the
// lab's resolver.
func layFiles() error {
	scratch, err := firstDir("/run", "/tmp", "/mnt")
	if err != nil {
		return err
	}
	covered, err := openCovered() // now: they may be links to where scratch will be
	defer closeAll(covered)
	if err != nil {
		return err
	}
	if err := unix.Mount("linger-lab", scratch, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, "mode=755,size=64k"); err != nil {
		return os.NewSyscallError("mount tmpfs", err)
	}
	var errs []error
	for i, o := range overlays() {
		if covered[i] < 0 {
			continue
		}
		from := filepath.Join(scratch, filepath.Base(o.path))
		if err := os.WriteFile(from, []byte(o.text), 0o644); err != nil {
			errs = append(errs, err)
			continue
		}
		at := fmt.Sprintf("/proc/self/fd/%d", covered[i])
		errs = append(errs, os.NewSyscallError("mount over "+o.path, unix.Mount(from, at, "", unix.MS_BIND, "")))
	}
	// The mounts above keep the files: their folder may go.
	errs = append(errs, os.NewSyscallError("umount", unix.Unmount(scratch, unix.MNT_DETACH)))
	return errors.Join(errs...)
}

// openCovered opens what the overlays are to cover, in their order: -1 stands for
// what is not there.
func openCovered() ([]int, error) {
	var fds []int
	for _, o := range overlays() {
		fd, err := unix.Open(o.path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			fd = -1
		}
		fds = append(fds, fd)
	}
	if fds[0] < 0 {
		return fds, fmt.Errorf("there is no %s to put the lab's in the place of", overlays()[0].path)
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			_ = unix.Close(fd) // nothing was written to it
		}
	}
}

func firstDir(paths ...string) (string, error) {
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			return p, nil
		}
	}
	return "", fmt.Errorf("none of the folders %v is there to mount files at", paths)
}
