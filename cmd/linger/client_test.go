package main

import (
	"errors"
	"testing"
)

func TestParseResolve(t *testing.T) {
	got, err := parseResolve([]string{"Example.com:80:127.0.0.1,[::1]", "b:443:::1"})
	if err != nil {
		t.Fatal(err)
	}
	if a := got["example.com:80"]; len(a) != 2 || a[0].String() != "127.0.0.1:80" || a[1].String() != "[::1]:80" {
		t.Errorf("%v", a)
	}
	if a := got["b:443"]; len(a) != 1 || a[0].String() != "[::1]:443" {
		t.Errorf("%v", a)
	}
	for _, bad := range []string{"", "a", "a:80", "a:http:1.2.3.4", "a:99999:1.2.3.4", "a:80:host", ":80:1.2.3.4"} {
		_, err := parseResolve([]string{bad})
		var u usageError
		if !errors.As(err, &u) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestStrategyFlags(t *testing.T) {
	f := clientFlags{conns: 3, depth: 4}
	s, err := f.strategy("pipelined")
	if err != nil || s.Conns != 3 || s.Depth != 4 || s.Name != "pipelined conns=3 depth=4" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := (&clientFlags{http10: true}).strategy("persistent"); err == nil {
		t.Error("HTTP/1.0 without keep-alive on a kept connection")
	}
}

func TestWebAddress(t *testing.T) {
	for arg, want := range map[string]string{"example.com": "http://example.com", "https://a/": "https://a/", "a:80/x": "http://a:80/x"} {
		if got := webAddress(arg); got != want {
			t.Errorf("%s: %s, want %s", arg, got, want)
		}
	}
}
