// Package exchange finds the HTTP exchanges in the bytes of a connection.
//
// It stands between flow, which hands over the bytes of both directions in order, and
// cause, which says what an exchange's time was for. A connection has one Sink, which
// one goroutine drives; what it finds it tells at once, as ranges of the two streams
// with the times at which they came:
//
//	New(conn, config, done)        a flow.Sink                            new.go
//	└─ opening                     what is it, by its first bytes?        plausible.go
//	   ├─ http1Reader              both directions                        http1.go
//	   │  ├─ half                  one: where do messages begin and end?  half*.go
//	   │  ├─ pairing               which response is whose                pairing.go
//	   │  ├─ settle                … behind a hole, by likeness           settle.go, align.go
//	   │  └─ opening               behind CONNECT, or Upgrade
//	   ├─ http2Reader              streams                                http2_stream.go
//	   │  └─ http2Half             one direction: frames, fields          http2_half.go
//	   ├─ tlsReader                handshake, times                       tls*.go
//	   │  ├─ tlsHalf               one direction: records                 tls_half.go
//	   │  ├─ opening               what is in records that keys open
//	   │  └─ tlsGuess              or else directions and sizes           tls_guess.go
//	   └─ ignored                  no HTTP
//
// Whatever reads is a reader, and is handed chunks: bytes in clear with where they stand
// in the TCP stream, and when they came (chunk.go). So TLS, a tunnel and a connection in
// clear are read by the same code. [Lookups] joins DNS to connections, and stands apart.
//
// What is told depends on the bytes and their times alone, never on how they were cut
// into segments. Nothing is refused: a head that no server would take is read as far as
// it goes, and the Exchange's Problem says what is wrong. What the capture does not have
// leaves a hole, which is passed over where the length of a body is known; otherwise the
// next message is searched for, and a lost response does not shift the pairs behind it.
//
// # Memory
//
// Bodies are not held. Of a connection in HTTP/1, what is held are the head under way
// (256 KiB) and the heads of what is not told yet: at most 10,000 requests, and 512
// responses behind a hole. In HTTP/2 it is 10,000 streams with 16 MiB of fields in all, in
// TLS a record, and 64 KiB behind a hole. A KeyLog holds 65,536 clients, Lookups 4,096
// questions of the last minute.
package exchange
