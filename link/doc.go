// Package link is a pure model of one direction of a network path: it says when
// each packet arrives, or why it does not. It reads no clock, starts no goroutine
// and imports nothing of ours: the caller says what time it is, and chance comes
// from a seed. The lab runs it against the clock, the tests in no time.
//
// # The way of a packet
//
// It enters ([Link.Enter]), which is when chance decides on everything that
// chance decides. Then
//
//   - it waits in the queue ([Queue]). If the queue is at its limit, the packet is
//     dropped at its tail; if CoDel is on, it may be dropped as it comes out;
//   - it is transmitted at the rate ([Rate]) or in the opportunities of a trace
//     ([Trace]). With the last bit it has left;
//   - it may be lost on the wire: by name ([Drop]), in a burst ([Burst]) or at
//     random (Loss). It has used its share of the rate, as on a real medium;
//   - it may be duplicated: its copy arrives right behind it;
//   - it takes the delay, with jitter, which never lets packets overtake;
//   - it may be held back for longer still, so that others do overtake
//     ([Config.ReorderBy]);
//   - and it arrives.
//
// The caller learns its [Fate] from [Link.Take], and from [Link.Next] when to ask.
//
// # Time
//
// All times are nanoseconds since whatever the caller counts from. Nothing is
// rounded but to the nanosecond, and what a rate rounds off is carried over. When
// Take is called changes no fate; it may be called late. What happens at one time
// happens in this order: packets come out of the queue, then others enter.
//
// # Chance
//
// Each impairment has a source of its own, of which the n-th packet to enter gets
// the n-th draw, whatever becomes of it. So with one seed the same packets are
// lost, however they are timed, whatever the rate is, and whether or not there is
// jitter, too.
package link
