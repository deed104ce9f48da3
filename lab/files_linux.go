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
		{"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
	}
}

// layFiles mounts the files in the mount namespace of the calling thread. What the
// system has not, need not be covered.
func layFiles() error {
	scratch, err := firstDir("/run", "/tmp", "/mnt")
	if err != nil {
		return err
	}
	if err := unix.Mount("linger-lab", scratch, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, "mode=755,size=64k"); err != nil {
		return os.NewSyscallError("mount tmpfs", err)
	}
	var errs []error
	for _, o := range overlays() {
		if _, err := os.Stat(o.path); err != nil {
			continue
		}
		from := filepath.Join(scratch, filepath.Base(o.path))
		if err := os.WriteFile(from, []byte(o.text), 0o644); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.NewSyscallError("mount over "+o.path, unix.Mount(from, o.path, "", unix.MS_BIND, "")))
	}
	// The mounts above keep the files: their folder may go.
	errs = append(errs, os.NewSyscallError("umount", unix.Unmount(scratch, unix.MNT_DETACH)))
	return errors.Join(errs...)
}

func firstDir(paths ...string) (string, error) {
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			return p, nil
		}
	}
	return "", fmt.Errorf("none of the folders %v is there to mount files at", paths)
}
