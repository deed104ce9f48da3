package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/page"
)

func TestFileName(t *testing.T) {
	for raw, want := range map[string]string{
		"http://a/":                            "a/index.html",
		"http://a":                             "a/index.html",
		"http://a:8080/x/":                     "a_8080/x/index.html",
		"http://a/x.png?v=1/2":                 "a/x.png?v=1/2",
		"http://a/../../etc/passwd":            "a/etc/passwd",
		"http://a/%2e%2e/%2e%2e/x":             "a/x",
		"http://[::1]:80/x":                    "__1_80/x",
		"http://a/x%00y":                       "a/x_y",
		"http://a/b%5c..%5cc":                  "a/b_.._c",
		"http://a/" + long("n", 300):           "a/" + long("n", maxName),
		"http://a/n" + long("é", 99) + "é.png": "a/n" + long("é", 99),
		"http://a/%ff%fe.png":                  "a/_.png",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := fileName(u); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func long(s string, n int) string { return strings.Repeat(s, n) }

// TestSaverStepsAside gives each object a file of its own, whatever the names.
func TestSaverStepsAside(t *testing.T) {
	dir := t.TempDir()
	s, err := newSaver(filepath.Join(dir, "new", "folder"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	urls := []string{"http://a/x", "http://a/x/y", "http://a/X", "http://a/x?1", "http://a/d/e/f", "http://a/d/e", "http://a/d"}
	for _, u := range urls {
		w, err := s.create(&page.Object{URL: u})
		if err != nil {
			t.Fatalf("%s: %v", u, err)
		}
		if _, err := w.Write([]byte(u)); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	found := make(map[string]bool)
	err = filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, _ := os.ReadFile(name)
			found[string(b)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range urls {
		if !found[u] {
			t.Errorf("%s was overwritten", u)
		}
	}
}
