// Package linger manages HTTP connections and accounts for every millisecond
// they cost.
//
// [Transport] is an [net/http.RoundTripper] in the place of net/http's. A
// [Strategy] says how exchanges share its connections, and each exchange comes
// back with a timeline: spans that cover it from the moment it was handed over
// to the last byte of its body, without gap or overlap.
//
// The story of a request:
//
//	Transport.RoundTrip          transport.go     one record for the exchange
//	  takeSlot                   pool_edge.go     phase queue; carries out what the pool wants
//	    pool.acquire             pool.go          who waits, who is served, what to dial;
//	                                              the pool's other files are listed there
//	      choose                 strategy.go      which connection, and why
//	    runDial                  dial.go          phases dns, connect, tls; see also
//	                                              dial_address, dial_race, dial_proxy, dial_tls
//	  conn.roundTrip             conn.go
//	    http1Conn                conn_http1.go    in the caller's goroutine:
//	      send                   conn_http1_send.go   phase send
//	      await                  conn_pipeline.go     phase wait, behind other answers
//	      receive                conn_http1.go        phase wait, then receive
//	    http2Conn                conn_http2.go    streams:
//	      begin, flush           conn_http2_begin.go, _write.go   phase send, in the caller's goroutine
//	      await                  conn_http2_stream.go   phase wait, then receive
//	      readLoop               conn_http2_read.go     one goroutine for all streams
//	  mayRetry                   transport.go     again, or not, and why
//	Body.Read … io.EOF           conn_http1_body.go   the slot goes back, the record ends
package linger
