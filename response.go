package linger

import (
	"net/http"

	"github.com/lingerhttp/linger/internal/http1"
)

// What a response of HTTP/1 says, told as http.Response tells it.

// asNetHTTPTells fills in and takes out of a response's head what net/http does:
// the fields that say where the body and the connection end stand in members of
// http.Response instead.
func asNetHTTPTells(resp *http.Response, f http1.Framing) {
	h := resp.Header
	if resp.ProtoMinor > 0 && http1.HasToken(h["Connection"], "close") {
		delete(h, "Connection")
	}
	if f.Kind == http1.Chunked || (f.Kind == http1.NoBody && http1.HasToken(h["Transfer-Encoding"], "chunked")) {
		resp.TransferEncoding = []string{"chunked"}
		delete(h, "Transfer-Encoding")
	}
	if f.Kind == http1.Chunked {
		resp.Trailer = announced(h)
	}
	if lengths := h["Content-Length"]; len(lengths) > 1 && f.Kind == http1.Length {
		h["Content-Length"] = lengths[:1] // they are the same
	}
	if p := h["Pragma"]; len(p) > 0 && p[0] == "no-cache" && h["Cache-Control"] == nil {
		h["Cache-Control"] = p[:1:1] // RFC 9111 §5.4
	}
}
