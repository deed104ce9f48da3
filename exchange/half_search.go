package exchange

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lingerhttp/linger/flow"
)

// stepSearch looks for the start of a message. Where segments begin is no help: a
// pipelined response begins where the one before it ends.
func (h *half) stepSearch(c chunk) int {
	if h.d == flow.Up {
		return h.searchRequest(c)
	}
	return h.searchResponse(c)
}

// searchResponse looks for "HTTP/1.1 200".
func (h *half) searchResponse(c chunk) int {
	if len(h.held.b) == 0 {
		i := indexResponse(c.b)
		if i > 0 {
			h.saw(c.first(i))
		}
		if i == len(c.b) {
			return i
		}
		h.held.add(c.behind(i).first(1))
		return i + 1
	}
	h.held.add(c.first(1))
	ok, sure := plausibleResponse(h.held.b)
	switch {
	case !ok:
		h.saw(c.first(1))
		h.again(1)
	case sure:
		h.begin(0)
	}
	return 1
}

// indexResponse is where the first status line in b begins, or may begin; else it is
// len(b).
func indexResponse(b []byte) int {
	const version = "HTTP/1."
	if i := bytes.Index(b, []byte(version)); i >= 0 {
		return i
	}
	for n := min(len(version)-1, len(b)); n > 0; n-- {
		if strings.HasPrefix(version, string(b[len(b)-n:])) {
			return len(b) - n
		}
	}
	return len(b)
}

// searchRequest looks for a line that ends like a request line, and in it for where
// that begins: a body may stand before it.
func (h *half) searchRequest(c chunk) int {
	n := bytes.IndexByte(c.b, '\n') + 1
	ended := n > 0
	if !ended {
		n = len(c.b)
	}
	h.held.add(c.first(n))
	h.saw(c.first(n))
	if !ended {
		if len(h.held.b) > 2*maxLine {
			h.held.keep(maxLine)
		}
		return n
	}
	line := h.held.b
	line = line[max(len(line)-maxLine, 0):]
	if i := indexRequest(line); i >= 0 {
		h.begin(len(h.held.b) - len(line) + i)
		return n
	}
	h.blame()
	h.held.drop()
	return n
}

// methods are those that are looked for in the middle of a line.
var methods = []string{
	"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "QUERY",
}

// indexRequest is where in the line, its end included, a request line begins, or -1.
func indexRequest(line []byte) int {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	n := len(line)
	if n < len("A / HTTP/1.1") || string(line[n-9:n-1]) != " HTTP/1." || line[n-1] < '0' || line[n-1] > '9' {
		return -1
	}
	line = line[:n-9]
	space := bytes.LastIndexByte(line, ' ')
	if space < 1 || space == len(line)-1 || bytes.ContainsFunc(line[space+1:], func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return -1
	}
	begins := -1
	for _, m := range methods {
		if i := space - len(m); bytes.HasSuffix(line[:space], []byte(m)) && (begins < 0 || i < begins) {
			begins = i
		}
	}
	switch {
	case begins > 0 && slices.Contains([]byte(` "'>`), line[begins-1]):
		return -1 // it speaks of a request
	case begins < 0 && space <= maxMethod && len(bytes.Trim(line[:space], "ABCDEFGHIJKLMNOPQRSTUVWXYZ-")) == 0:
		return 0
	}
	return begins
}
