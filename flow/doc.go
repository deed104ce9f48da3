// Package flow makes TCP connections of the segments of a capture.
//
// It stands between packet, which reads a capture, and exchange and cause, which find
// HTTP in a connection's bytes and the reasons of its delays in its segments. One
// goroutine drives it, packet by packet:
//
//	for p := range reader.Packets()
//	└─ Table.Add(p)          which connection is it of?             table.go, tuple.go
//	   ├─ Config.Open        a new one: who takes its bytes?
//	   ├─ Conn.take                                                 take.go
//	   │  ├─ place           offsets of the stream, not numbers
//	   │  ├─ twin            captured twice? then no more of it     twin.go
//	   │  ├─ open            SYN, SYN-ACK: what both offer          open.go
//	   │  ├─ kind            data, loss, probe, reordered …         kind.go
//	   │  ├─ echoed, sent    round trips                            rtt.go
//	   │  ├─ acknowledge     what arrived, what was in vain         ack.go
//	   │  ├─ Config.Segment  the segment is told
//	   │  ├─ read            bytes in order                         read.go, late.go
//	   │  │  └─ Sink.Data, Sink.Missing
//	   │  └─ end             FIN, RST                               end.go
//	   │     └─ Sink.End
//	   └─ Config.Close       nothing more is expected of it
//	Table.Close()            the capture has ended
//
// Everything is as it was seen at the place of capture: a segment's time is when it
// passed there, and bytes are told with the time at which a reader in that place could
// have read them. Time is taken from the packets. The same packets are told in the same
// way, however they came.
//
// # What the capture does not show
//
// A capture misses packets, holds some twice, and its times may step back. A hole is
// told as missing, not as lost, when the other side acknowledges its bytes and some
// from behind it were seen; the Sink hears of that 5 ms of the capture later, with the
// time of the ACK, because the ACK may have been captured before the data. Where the
// other side was not captured, a hole is given up after 30 s. When the sender's place
// is not known, what is sent again is judged by its numbers, times and timestamps: see
// [Kind].
//
// # Memory
//
// What is kept is bounded by what is open. A connection takes some 1.5 KB and 64 bytes
// for each segment that its user has not forgotten ([Conn.Forget]) and for at most as
// many, and some 200, that he has; each SACK block takes 16. Bytes are handed on without being kept, but
// those behind a hole: of all connections at most 128 MiB, of one direction a range of
// 32 MiB in 16,384 pieces. Then the hole is given up, and counts as unseen. One that is
// over takes 1.5 KB in all, once its user does not need its segments ([Conn.Rest]).
// A connection is closed when it was silent for an hour, 10 minutes if one side has
// ended and one minute if both have, by the clock of the capture; and of more than
// 100,000, those that were silent longest.
package flow
