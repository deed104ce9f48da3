package repro

import (
	"fmt"
	"io"
	"net"
	"net/http"
)

// A standardServer is net/http's, over HTTP/1.1 and HTTP/2 in clear.
type standardServer struct{ handler http.HandlerFunc }

func (s standardServer) start(l net.Listener) (stop func() error) {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	srv := &http.Server{Handler: s.handler, Protocols: &p}
	ended := make(chan error, 1)
	go serve(srv, l, ended)
	return func() error {
		err := srv.Close()
		<-ended
		return err
	}
}

func serve(srv *http.Server, l net.Listener, ended chan<- error) { ended <- srv.Serve(l) }

// zeros answers the path "/N" with N bytes.
func zeros(w http.ResponseWriter, r *http.Request) {
	var n int64
	if _, err := fmt.Sscanf(r.URL.Path, "/%d/", &n); err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", fmt.Sprint(n))
	_, _ = io.CopyN(w, zeroReader{}, n)
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }
