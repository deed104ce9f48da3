package exchange

import (
	"net/http"
	"path"
	"strings"

	"github.com/lingerhttp/linger/internal/http1"
)

// A wants is what a request's head lets expect of its response.
type wants struct {
	kind        string // of content, by the name of what is asked for: "image/png"; empty if it tells nothing
	accepts     string // the first kind in Accept
	conditional bool   // 304 may be the answer
	tags        string // If-None-Match
	part        string // Range
	expects     bool   // 100 Continue
	closes      bool
	path        string
}

func wantsOf(r http1.Request) wants {
	h := r.Header
	w := wants{
		tags: h.Get("If-None-Match"), part: h.Get("Range"),
		expects: h.Get("Expect") != "", closes: http1.HasToken(h["Connection"], "close"),
		path: pathOf(r.Target),
	}
	w.conditional = w.tags != "" || h.Get("If-Modified-Since") != ""
	w.kind = kinds[strings.ToLower(path.Ext(w.path))]
	w.accepts, _, _ = strings.Cut(h.Get("Accept"), ",")
	w.accepts, _, _ = strings.Cut(w.accepts, ";")
	return w
}

// pathOf is the path of a request target.
func pathOf(target string) string {
	if _, rest, ok := strings.Cut(target, "://"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		target = "/" + rest
	}
	target, _, _ = strings.Cut(target, "?")
	return target
}

// kinds are the kinds of content by the extensions of names, as servers have them.
var kinds = map[string]string{
	".html": "text/html", ".htm": "text/html", ".xhtml": "text/html", ".css": "text/css", ".txt": "text/plain",
	".php": "text/html", ".asp": "text/html", ".aspx": "text/html", ".jsp": "text/html",
	".js": "javascript", ".mjs": "javascript", ".json": "application/json", ".xml": "xml", ".rss": "xml",
	".png": "image/png", ".gif": "image/gif", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
	".svg": "image/svg+xml", ".ico": "image/x-icon", ".avif": "image/avif", ".bmp": "image/bmp",
	".woff": "font", ".woff2": "font", ".ttf": "font", ".otf": "font", ".eot": "font",
	".mp4": "video/mp4", ".webm": "video/webm", ".mp3": "audio/mpeg", ".pdf": "application/pdf",
	".zip": "application/zip", ".gz": "application/gzip", ".swf": "application/x-shockwave-flash", ".wasm": "application/wasm",
}

// kindOf is the kind that a Content-Type says, by the names of kinds.
func kindOf(contentType string) string {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch {
	case strings.Contains(kind, "javascript") || strings.Contains(kind, "ecmascript"):
		return "javascript"
	case strings.Contains(kind, "font"):
		return "font"
	case kind == "image/vnd.microsoft.icon":
		return "image/x-icon"
	case kind == "image/jpg" || kind == "image/pjpeg":
		return "image/jpeg"
	case strings.HasSuffix(kind, "/xml") || strings.HasSuffix(kind, "+xml") && kind != "image/svg+xml":
		return "xml"
	}
	return kind
}

// likeness says how much a response looks as if it were that of request i: 0 if
// nothing speaks for or against it.
func likeness(requests []*part, i int, r *part, depth int) float32 {
	q := requests[i]
	like := likeTime(requests, i, r, depth)
	if q.asked.method == "" || r.answer.status == 0 {
		return like
	}
	return like + likeMethod(q, r) + likeStatus(q, r) + likeContent(q, r) + likeNames(q, r)
}

// likeTime holds a pair against cause and effect. A response begins when its request
// has arrived, and behind all that the client had when it sent that. And who never had
// more requests under way than depth will hardly have begun to. If that is one, each
// side has all of the other's when it begins: their ACKs say so.
func likeTime(requests []*part, i int, r *part, depth int) float32 {
	const never = -50
	q := requests[i]
	switch {
	case r.seen() && q.seen() && r.First < q.First:
		return never
	case q.acked > r.Start() && q.acked >= 0 && q.seen():
		return never
	case r.acked >= 0 && q.whole && r.acked < q.Start()+q.Head:
		return never
	}
	like := float32(0)
	if depth <= 1 && q.seen() && r.seen() {
		if q.acked == r.Start() {
			like += 2
		}
		if q.Complete && r.acked == q.End() {
			like += 2
		}
	}
	if i+depth < len(requests) {
		if next := requests[i+depth]; next.seen() && r.seen() && next.First < r.First && !(next.acked > r.Start()) {
			like -= 2
		}
	}
	return like
}

func likeMethod(q, r *part) float32 {
	head := q.asked.method == http.MethodHead
	switch {
	case head && r.answer.headed:
		return 4
	case head && r.whole && r.Body > 0, !head && r.answer.headed:
		return -8
	case q.asked.wants.closes && r.answer.closes:
		return 2
	case q.asked.wants.expects != (len(r.answer.interim) > 0):
		return -2
	}
	return 0
}

func likeStatus(q, r *part) float32 {
	w, h := q.asked.wants, r.answer.header
	switch r.answer.status {
	case http.StatusNotModified:
		tag := h.Get("Etag")
		switch {
		case !w.conditional:
			return -8
		case tag != "" && w.tags != "":
			return either(strings.Contains(w.tags, strings.TrimPrefix(tag, "W/")), 4, -4)
		}
		return 3
	case http.StatusPartialContent:
		if w.part == "" {
			return -8
		}
		got, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Content-Range"), "bytes "), "-")
		asked, _, _ := strings.Cut(strings.TrimPrefix(w.part, "bytes="), "-")
		return either(got == asked || asked == "" || got == "", 4, -6)
	case http.StatusOK:
		if w.conditional || w.part != "" {
			return -0.5
		}
	case http.StatusCreated:
		return either(q.asked.method == http.MethodPost || q.asked.method == http.MethodPut, 1, -2)
	}
	return 0
}

func either(yes bool, then, otherwise float32) float32 {
	if yes {
		return then
	}
	return otherwise
}

// likeContent compares the kind of content with the name that was asked for, and with
// Accept. What is no success has the content of its message.
func likeContent(q, r *part) float32 {
	got := kindOf(r.answer.header.Get("Content-Type"))
	if got == "" || r.answer.status/100 != 2 {
		return 0
	}
	w := q.asked.wants
	major, _, _ := strings.Cut(got, "/")
	switch {
	case w.kind == got:
		return 2
	case w.kind != "":
		wanted, _, _ := strings.Cut(w.kind, "/")
		return either(wanted == major, -2, -4)
	case w.accepts == got:
		return 1.5
	case strings.HasPrefix(w.accepts, "image/") || w.accepts == "text/css":
		return either(strings.HasPrefix(w.accepts, major+"/"), 1, -2)
	case major == "image" || major == "font":
		return -1
	}
	return 0
}

// likeNames looks for the name that was asked for in the response.
func likeNames(q, r *part) float32 {
	w, h := q.asked.wants, r.answer.header
	if at := pathOf(h.Get("Content-Location")); at != "" {
		return either(strings.HasPrefix(at, w.path) || strings.HasSuffix(at, path.Base(w.path)), 3, -1)
	}
	if to := pathOf(h.Get("Location")); to != "" && to == w.path+"/" {
		return 3
	}
	return 0
}
