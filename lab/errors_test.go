package lab

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestError(t *testing.T) {
	cause := fs.ErrPermission
	for _, test := range []struct {
		err  error
		want string
	}{
		{&Error{Op: "tun", Err: cause}, "lab: tun: permission denied"},
		{&Error{Op: "namespace", Need: "run as root", Err: cause}, "no lab can be made here: run as root"},
		{failed("tun", cause), "lab: tun: permission denied"},
	} {
		if test.err.Error() != strings.Replace(test.want, "permission denied", cause.Error(), 1) || !errors.Is(test.err, cause) {
			t.Errorf("%v, want %s", test.err, test.want)
		}
	}
	if err := failed("tun", nil); err != nil {
		t.Errorf("nothing failed: %v", err)
	}
}
