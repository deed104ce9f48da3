package otel_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/otel"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func ExampleNewTransport() {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	spans := tracetest.NewInMemoryExporter() // in a program, one that sends them somewhere
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))

	base := &linger.Transport{}
	defer base.Close()
	transport, err := otel.NewTransport(base, otel.Options{TracerProvider: provider, Phases: otel.PhaseNone})
	if err != nil {
		log.Fatal(err)
	}
	defer transport.Close()

	resp, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body) // the span ends with the body
	resp.Body.Close()

	for _, s := range spans.GetSpans() {
		fmt.Println(s.SpanKind, s.Name, s.Status.Code)
	}
	// Output: client GET Error
}
