package sniff

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

func TestErrorSaysWhatItTakes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		need bool
	}{
		{os.NewSyscallError("socket", syscall.EPERM), true},
		{errors.ErrUnsupported, true},
		{os.NewSyscallError("socket", syscall.ENOBUFS), false},
	} {
		var e *Error
		if err := failed("socket", tt.err); !errors.As(err, &e) || e.Need() != "" != tt.need || !errors.Is(err, tt.err) {
			t.Errorf("%v: it takes %q", err, e.Need())
		}
	}
	if failed("socket", nil) != nil {
		t.Error("nothing failed")
	}
}
