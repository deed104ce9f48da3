package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/lingerhttp/linger/page"
)

// A saver writes a page's objects as files under one folder: host/path, with
// index.html where a path ends with a slash. It cannot write outside of it.
type saver struct {
	root *os.Root

	mu    sync.Mutex
	taken map[string]bool // guarded by mu; in lower case, as some file systems compare
}

func newSaver(dir string) (*saver, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &saver{root: root, taken: make(map[string]bool)}, nil
}

func (s *saver) close() { s.root.Close() }

// create makes the file of an object. A name that another object has, or that
// stands in the way of a folder, gets a number.
func (s *saver) create(o *page.Object) (io.WriteCloser, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.freeName(fileName(u))
	if err := s.root.MkdirAll(path.Dir(name), 0o777); err != nil {
		return nil, err
	}
	return s.root.Create(name)
}

func (s *saver) freeName(name string) string {
	dir, file := path.Split(name)
	var folders []string
	for folder := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		folders = append(folders, folder)
		at := len(folders) - 1
		// A file of that name has come first: the folder steps aside.
		for n := 1; s.taken[strings.ToLower(strings.Join(folders, "/"))]; n++ {
			folders[at] = fmt.Sprintf("%s~%d", folder, n)
		}
	}
	dir = strings.Join(folders, "/")
	name = path.Join(dir, file)
	for n := 1; s.taken[strings.ToLower(name)] || s.isFolder(name); n++ {
		name = path.Join(dir, fmt.Sprintf("%s~%d", file, n))
	}
	s.taken[strings.ToLower(name)] = true
	return name
}

func (s *saver) isFolder(name string) bool {
	info, err := s.root.Stat(name)
	return err == nil && info.IsDir()
}

// maxName is how long one element of a path may be on common file systems.
const maxName = 200

// fileName is where an object goes: host, path, and the query as part of the
// name.
func fileName(u *url.URL) string {
	p := path.Clean("/" + u.Path)
	if strings.HasSuffix(u.Path, "/") || p == "/" {
		p = path.Join(p, "index.html")
	}
	if u.RawQuery != "" {
		p += "?" + u.RawQuery
	}
	host := strings.NewReplacer(":", "_", "[", "", "]", "").Replace(u.Host)
	elements := strings.Split(host+p, "/")
	for i, el := range elements {
		elements[i] = plainName(el)
	}
	return strings.Join(elements, "/")
}

// plainName makes an element of a path harmless: UTF-8 without control
// characters, not too long, never "..".
func plainName(el string) string {
	el = strings.ToValidUTF8(el, "_")
	el = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\\' || r == '/' || r == ':' {
			return '_'
		}
		return r
	}, el)
	if el == ".." || el == "." || el == "" {
		return "_"
	}
	if len(el) > maxName {
		el = strings.ToValidUTF8(el[:maxName], "") // the cut may be in the middle of a character
	}
	return el
}
