package linger

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

func TestThin(t *testing.T) {
	for _, st := range Strategies() {
		t.Run(st.Name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, strings.Repeat(r.URL.Path, 1000))
			}))
			srv.Config.Protocols = new(http.Protocols)
			srv.Config.Protocols.SetHTTP1(true)
			srv.Config.Protocols.SetUnencryptedHTTP2(true)
			srv.Start()
			defer srv.Close()
			var mu sync.Mutex
			var all []*timeline.Exchange
			tr := &Transport{Strategy: st, Observe: func(e *timeline.Exchange) { mu.Lock(); all = append(all, e); mu.Unlock() }}
			defer tr.Close()
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					req, _ := http.NewRequest("GET", fmt.Sprintf("%s/%d", srv.URL, i), nil)
					resp, err := tr.RoundTrip(req)
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					b, err := io.ReadAll(resp.Body)
					if err != nil || string(b) != strings.Repeat(req.URL.Path, 1000) {
						t.Error(err, len(b))
					}
				})
			}
			wg.Wait()
			for _, e := range all {
				if err := e.Check(); err != nil {
					t.Error(err)
				}
			}
			tot := timeline.Sum(all)
			t.Logf("%+v", tot)
		})
	}
}
