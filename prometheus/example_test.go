package prometheus_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/prometheus"
	api "github.com/prometheus/client_golang/prometheus"
)

func ExampleNewCollector() {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	transport := &linger.Transport{}
	defer transport.Close()
	collector := prometheus.NewCollector(transport, prometheus.Options{MaxOrigins: 20})
	transport.Observe = collector.Observe // before it is used
	registry := api.NewRegistry()
	registry.MustRegister(collector)

	resp, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "linger_exchanges_total" {
			fmt.Println(f.GetHelp(), f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	// Output: Exchanges put on a connection. 1
}
