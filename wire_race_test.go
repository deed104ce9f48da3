package linger

import (
	"net/http"
	"testing"
)

// TestHandlersWriteComesFirst: what a server's handler has written is seen by whoever
// has its answer. The race detector must know it too, since tests of programs that
// use linger stand on it: run with -race, this one fails if it does not.
func TestHandlersWriteComesFirst(t *testing.T) {
	var noted string
	handler := func(_ http.ResponseWriter, r *http.Request) { noted = r.URL.Path }
	everywhere(t, http.HandlerFunc(handler), func(t *testing.T, w *watched, url string) {
		for _, path := range []string{"/a", "/b"} {
			if a := w.get(url + path); a.err != nil || noted != path {
				t.Errorf("%v, the handler noted %q, not %q", a.err, noted, path)
			}
		}
	})
}
