package origin

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// An Object is one thing that a site serves.
type Object struct {
	Path   string // with its leading slash, as in a URL; "/" is the document
	Type   string // the Content-Type; empty lets the bytes decide
	Origin int    // 0 is where the document is, 1 the other one
	Size   int64  // bytes, before any content coding

	open   func() (io.ReadSeekCloser, error)
	zipped []byte // what gzip makes of it; nil if it is sent as it is to everybody
}

// Open returns the object's bytes. Those of a generated site are held in memory
// or made while they are read; those of a directory come from the file as it is
// now. The errors are those of [os.OpenInRoot].
func (o Object) Open() (io.ReadSeekCloser, error) { return o.open() }

// Bytes reads the object whole.
func (o Object) Bytes() ([]byte, error) {
	body, err := o.open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(body)
	return b, errors.Join(err, body.Close())
}

// file is the name of the file that holds the object, with slashes, relative to
// the site's directory.
func (o Object) file() string {
	name := strings.TrimPrefix(o.Path, "/")
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	return name
}

// write puts the object into dir.
func (o Object) write(dir string) error {
	name := filepath.Join(dir, filepath.FromSlash(o.file()))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	body, err := o.open()
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}
