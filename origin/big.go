package origin

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Big returns a site of one object and no page: size bytes at "/big", made while
// they are read, so that 10 GiB take no more memory than 10 bytes.
func Big(size int64) *Site {
	o := Object{Path: "/big", Type: "application/octet-stream", Size: size}
	o.open = func() (io.ReadSeekCloser, error) { return &endless{size: size}, nil }
	return &Site{
		Name: fmt.Sprintf("big (%d bytes)", size), Origins: 1,
		list: func() ([]Object, error) { return []Object{o}, nil },
	}
}

// noise is what a big object repeats. Its length is prime, so that a reader that
// loses or doubles a buffer of any usual size is found out.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 65521)
	d := dice(1)
	for i := range b {
		b[i] = byte(d.next())
	}
	return b
})

// endless reads the noise over and over, up to size bytes.
type endless struct{ at, size int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.at >= e.size {
		return 0, io.EOF
	}
	b := noise()
	p = p[:min(int64(len(p)), e.size-e.at)]
	for n := 0; n < len(p); {
		k := copy(p[n:], b[e.at%int64(len(b)):])
		n += k
		e.at += int64(k)
	}
	return len(p), nil
}

var errSeek = errors.New("origin: seek before the start")

func (e *endless) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += e.at
	case io.SeekEnd:
		offset += e.size
	}
	if offset < 0 {
		return 0, errSeek
	}
	e.at = offset
	return offset, nil
}

func (e *endless) Close() error { return nil }
