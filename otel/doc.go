// Package otel tells OpenTelemetry what a linger.Transport does: a client span for
// each exchange, with its timeline below it, and metrics of exchanges and of the
// pool.
//
//	base := &linger.Transport{}
//	transport, err := otel.NewTransport(base, otel.Options{})
//	if err != nil {
//		return err
//	}
//	defer transport.Close()
//	client := &http.Client{Transport: transport}
//
// Spans and metrics follow the semantic conventions for HTTP, version 1.43. What
// those do not know is called linger.*: [NewTransport] lists it.
//
// The package is a module of its own: a program that imports linger alone compiles
// nothing of OpenTelemetry.
package otel
