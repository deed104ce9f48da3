package page_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/lingerhttp/linger/page"
)

func ExampleLoad() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			io.WriteString(w, `<!doctype html><link rel=stylesheet href=site.css><img src=logo.png width=80 height=20>`)
		}
	}))
	defer server.Close()

	p, err := page.Load(context.Background(), http.DefaultTransport, server.URL, page.Options{})
	if err != nil {
		fmt.Println(err)
	}
	for _, o := range p.Objects {
		fmt.Printf("%s %d %s\n", o.Kind, o.Status, o.URL[len(server.URL):])
	}
	// Output:
	// document 200 /
	// style 200 /site.css
	// image 200 /logo.png
}
