package origin

import (
	"io"
	"io/fs"
	"mime"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Dir returns the files under dir as a site on one origin. A file named
// index.html is served at the path of its folder. Symbolic links that lead out
// of dir are not followed. It fails if dir is not a directory.
//
// The files are read when they are asked for, so that a change shows at once, and
// sent as they are, uncompressed.
func Dir(dir string) (*Site, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fs.ErrInvalid
	}
	if err != nil {
		return nil, failed("read site", dir, err)
	}
	return &Site{
		Name: dir, Origins: 1, dir: dir,
		list: func() ([]Object, error) { return listDir(dir) },
	}, nil
}

// listDir returns every file under dir, in the order of their paths: a document
// at "/" is the first.
func listDir(dir string) ([]Object, error) {
	var objects []Object
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if o, ok := fileObject(dir, filepath.ToSlash(rel)); ok {
			objects = append(objects, o)
		}
		return nil
	})
	slices.SortFunc(objects, func(a, b Object) int { return strings.Compare(a.Path, b.Path) })
	return objects, failed("read site", dir, err)
}

// findFile returns the file under dir that a request's path names.
func findFile(dir, urlPath string) (Object, bool) {
	clean := path.Clean("/" + urlPath)
	name := strings.TrimPrefix(clean, "/")
	if clean == "/" || strings.HasSuffix(urlPath, "/") {
		name = path.Join(name, "index.html")
	}
	return fileObject(dir, name)
}

// fileObject makes an object of the regular file that has this slash-separated
// name under dir, if there is one. It looks before it opens: to open a named
// pipe would wait for somebody to write into it.
func fileObject(dir, name string) (Object, bool) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Object{}, false
	}
	defer root.Close()
	local := filepath.FromSlash(name)
	info, err := root.Stat(local)
	if err != nil || !info.Mode().IsRegular() {
		return Object{}, false
	}
	urlPath := "/" + name
	if path.Base(name) == "index.html" {
		urlPath = strings.TrimSuffix(urlPath, "index.html")
	}
	return Object{
		Path: urlPath,
		Type: mime.TypeByExtension(path.Ext(name)),
		Size: info.Size(),
		open: func() (io.ReadSeekCloser, error) { return os.OpenInRoot(dir, local) },
	}, true
}
