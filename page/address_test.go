package page

import (
	"errors"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		" ":                     "",
		"#x":                    "",
		"a#x":                   "http://h/d/a",
		"?q":                    "http://h/d/page?q",
		"../../a":               "http://h/a",
		"//X.TEST":              "http://x.test/",
		"https://x:80/":         "https://x:80/",
		"https://x:443":         "https://x/",
		"http://x:":             "http://x/",
		"HTTP:\\\\x\\a?b\\c":    "http://x/a?b\\c",
		"a%2fb%":                "http://h/d/a%2fb%25",
		"ü?ü=\"ü\"":             "http://h/d/%C3%BC?%C3%BC=%22%C3%BC%22",
		"a\tb\r\nc":             "http://h/d/abc",
		"java\nscript:alert(1)": "",
		"mailto:a@b":            "",
		"data:image/gif,x":      "",
		"BLOB:x":                "",
		"ws://x/":               "",
		"a:b":                   "",
		"./a:b":                 "http://h/d/a:b",
		"\x00a\x00":             "http://h/d/a",
	} {
		u, err := resolve(testBase, in)
		got := ""
		if u != nil {
			got = u.String()
		}
		if got != want || err != nil {
			t.Errorf("resolve(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"http:":                             "no host",
		"http:a":                            "no host",
		"http://a b/":                       "invalid URL escape",
		"http://[":                          "missing ']'",
		"//h:99x/":                          "invalid port",
		strings.Repeat("a", maxURL+1):       errURLTooLong.Error(),
		"?" + strings.Repeat("ü", maxURL/3): errURLTooLong.Error(),
	} {
		if u, err := resolve(testBase, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("resolve(%.20q) = %v, %v, want something with %q", in, u, err, want)
		}
	}
}

func TestErrorIsOneShortLine(t *testing.T) {
	chain := &RedirectError{Chain: strings.Fields("http://h/1 http://h/2 http://h/3 http://h/4"), Err: ErrTooManyRedirects}
	err := error(&Error{URL: "http://h/1", Step: StepRedirect, Err: chain})
	if want := "page: follow redirects http://h/1: too many redirects after 3: … → http://h/2 → http://h/3 → http://h/4"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	err = &Error{URL: "http://h/", Step: StepRequest, Err: errors.New("a\r\nb\x1b[31m")}
	if want := "page: request http://h/: a  b [31m"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if got := shorten(strings.Repeat("ü", 500)); len(got) > 210 || !strings.HasSuffix(got, "ü…") {
		t.Errorf("shortened to %d bytes: %q", len(got), got)
	}
}

func TestKindWords(t *testing.T) {
	for k := range numKinds {
		text, err := k.MarshalText()
		var back Kind
		if err != nil || string(text) != k.String() || back.UnmarshalText(text) != nil || back != k {
			t.Errorf("kind %d is %q, read back as %d, %v", k, text, back, err)
		}
	}
	if _, err := numKinds.MarshalText(); err == nil {
		t.Error("a kind that there is not was written")
	}
	if err := new(Kind).UnmarshalText([]byte("x")); err == nil {
		t.Error("a kind that there is not was read")
	}
}
