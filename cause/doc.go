// Package cause says what the time of an exchange was for.
//
// It is the last stage of the packet flow: it is given packets, drives flow and
// exchange with them, and hands on each exchange with spans that cover it to the
// nanosecond, each with its cause, the packets that show it, how sure that is, and a
// sentence. It reads no clock, writes nothing and holds no goroutine: the same packets
// are explained in the same way, however they came.
//
//	New(config, each)                                              explainer.go
//	Explainer.Add(p)                 the capture's next packet
//	├─ exchange.Lookups.Add          DNS
//	└─ flow.Table.Add
//	   ├─ open                       a connection: two lanes on the paths of its client
//	   ├─ segment                    each segment of it, while it is read
//	   │  ├─ pair.learn, follow      where is the capture made?     lane.go, rebase.go
//	   │  ├─ lane.sent               bytes leave one side           lane.go
//	   │  │  ├─ bounds               when, by its sender's clock?   clock.go
//	   │  │  ├─ hear                 what had that side heard by then?
//	   │  │  ├─ decide               why then, and not before?      gap.go
//	   │  │  └─ path.arrived         over the bottleneck            path.go, meter.go
//	   │  ├─ lane.compact            of much data, sums only        lump.go
//	   │  ├─ lane.acked              an ACK leaves the other side
//	   │  └─ due                     who has waited long enough?
//	   ├─ exchange                   one has ended, as bytes tell: it waits
//	   └─ closed                     the rest of a connection's
//	      conn.explain               one exchange                   exchange.go
//	      ├─ path.model              when did its bytes arrive?     path.go
//	      ├─ pieces                  in what order are they read?   piece.go
//	      ├─ walk                    what was each instant for?     walk.go
//	      └─ savings                 what would have helped?        save.go
//	Explainer.Close()                the capture has ended
//
// words.go has the sentences, explained.go what is handed on. both.go stands apart:
// [Align] brings the clocks of two captures together before the client's is explained,
// and its Departures then say when each packet left, where otherwise a clock is asked.
//
// # The model
//
// A lane is one direction of a connection, and all its times are those at its receiver:
// so the same questions are asked wherever the capture was made. A segment's image is
// when it would have arrived had no queue been in its way. An ACK's release is the
// earliest image of what it let go: one round trip after it left the receiver. A sender
// that waited for an ACK is one whose next image is that release.
//
// What is seen at one end is reckoned at the other by half of the smallest round trip.
// That is known better with every packet, and then all times move (rebase.go). At the
// receiver the timestamps of the sender's kernel say when a segment left (clock.go); at
// the sender arrivals are modelled: a path has one bottleneck, which takes one packet
// after the other, as fast as runs of arrivals or of ACKs show it to be (path.go).
//
// decide is a pure function: what the sender's kernel knew, in; a cause with its release
// and its certainty, out. Its table is in gap_test.go.
//
// # From segments to an exchange
//
// A walk goes over the bytes of an exchange in the order in which they can be read. Each
// piece is as late as it is for a reason, and only what is later than the piece before
// costs anything: a wait beside the critical way costs nothing. For each piece it goes
// through: the sender held it (decide's cause, and of that what the receiver sat on the
// ACK), the bottleneck was busy with others, then with this, and if it was lost, until
// it was repaired. What stands before a message's own bytes is head-of-line.
//
// An exchange is explained two seconds of the capture after it ended: what comes after
// it tells what was lost and what was not, how fast the link is, and how far it is to
// both ends.
//
// # Memory
//
// It is bounded by what is open. A connection keeps its segments, and a step for each
// with bytes, until no exchange needs them; of 262,144 in all a share, at least 512 and
// at most 4,096. Beyond that, of the older steps only their cost is kept: at most 2,048
// lumps a lane. A path keeps its last 262,144 packets, to know who stood before whom;
// paths and pairs of hosts that no connection uses are forgotten when there are more
// than 3,072. With Config.Keep all segments stay until their connection is closed.
package cause
