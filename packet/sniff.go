package packet

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"unicode/utf8"
)

// A NotCapture is a file that cannot be read as a capture, and says what it is instead.
type NotCapture struct{ What string }

func (e *NotCapture) Error() string { return "not a capture: " + e.What }

func notCapture(format string, args ...any) error {
	return &NotCapture{What: fmt.Sprintf(format, args...)}
}

// magics are what files begin with that are mistaken for captures.
var magics = []struct{ begin, what string }{
	{"\x7fELF", "an ELF program or library"},
	{"MZ", "a program for Windows"},
	{"\xcf\xfa\xed\xfe", "a program for macOS"},
	{"PK\x03\x04", "a zip archive: unpack it first"},
	{"\x28\xb5\x2f\xfd", "compressed by zstd: decompress it first"},
	{"\xfd7zXZ\x00", "compressed by xz: decompress it first"},
	{"BZh", "compressed by bzip2: decompress it first"},
	{"\x04\x22\x4d\x18", "compressed by lz4: decompress it first"},
	{"\x1f\x8b", "compressed by gzip twice"},
	{"snoop\x00\x00\x00", "a capture by snoop: editcap makes a pcapng file of it"},
	{"GMBU", "a capture by Microsoft's Network Monitor: editcap makes a pcapng file of it"},
	{"RTSS", "a capture by Microsoft's Network Monitor: editcap makes a pcapng file of it"},
	{"TRSNIFF data", "a capture by NetXRay or Sniffer: editcap makes a pcapng file of it"},
	{"\x89PNG", "a picture"},
	{"\xff\xd8\xff", "a picture"},
	{"%PDF", "a PDF document"},
	{"SQLite format 3\x00", "a database"},
	{"<!DOCTYPE", "an HTML page"}, {"<!doctype", "an HTML page"}, {"<html", "an HTML page"},
	{"<?xml", "XML text"},
	{"{", "JSON text"}, {"[{", "JSON text"},
}

// what says what a file is by its first bytes, of which there are some.
func what(b []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.begin)) {
			return m.what
		}
	}
	if isText(b) {
		line, _, _ := bytes.Cut(b, []byte("\n"))
		return fmt.Sprintf("text that begins %q", line[:min(len(line), 40)])
	}
	return "it begins with the bytes " + hex.EncodeToString(b[:min(len(b), 8)])
}

// isText reports whether bytes are readable. The last character may be cut.
func isText(b []byte) bool {
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && (n > 1 || utf8.FullRune(b)) || c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
		b = b[n:]
	}
	return true
}
