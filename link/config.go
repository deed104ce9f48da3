package link

import (
	"errors"
	"fmt"
	"time"
)

// A Config says how a link is. The zero value lets everything arrive at once.
// Probabilities are for each packet, from 0 to 1; 0 means never.
type Config struct {
	// Delay is how long packets take from one end to the other, in this
	// direction. At most a minute.
	Delay time.Duration

	// Jitter makes each packet's delay a random one from Delay-Jitter to
	// Delay+Jitter, each as likely as the next; but packets do not overtake: one
	// that would, arrives together with the one before it. At most Delay.
	Jitter time.Duration

	// Rate is how many bits of IP packets are transmitted a second; 0 means no
	// limit.
	Rate Rate

	// Trace says when packets are transmitted, in place of Rate; nil means Rate
	// does.
	Trace *Trace

	// Queue is where packets wait for Rate or Trace; without either, nothing
	// waits.
	Queue Queue

	// RTT is how long the whole path takes, there and back; only defaults are
	// reckoned from it. At most two minutes; 0 means 2*Delay.
	RTT time.Duration

	Loss  Probability // of being lost on the wire
	Burst Burst       // loss in bursts
	Drop  []Drop      // loss by name

	// Reorder is the probability that a packet is held back on the wire by
	// ReorderBy, in which time those behind it overtake it. At most a minute; 0
	// means half of RTT, and at least 1 ms: TCP takes a packet for lost, not
	// late, after three behind it arrived (RFC 5681 §3.2) or after a quarter of
	// the round trip (RFC 8985 §6.2).
	Reorder   Probability
	ReorderBy time.Duration

	// Duplicate is the probability that a packet arrives twice.
	Duplicate Probability
}

// maxDelay is the longest delay: what is longer was meant to be something else.
const maxDelay = time.Minute

// Check returns an [*Error] that names the first setting that cannot be.
func (c Config) Check() error {
	checks := []error{
		checkTime("delay", c.Delay, maxDelay),
		checkTime("jitter", c.Jitter, maxDelay),
		checkTime("rtt", c.RTT, 2*maxDelay),
		c.Rate.check(),
		c.checkTrace(),
		c.checkQueue(),
		c.Loss.check("loss"),
		c.Burst.check(),
		c.checkDrops(),
		c.Reorder.check("reorder"),
		checkTime("reorder by", c.ReorderBy, maxDelay),
		c.Duplicate.check("duplicate"),
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	if c.Jitter > c.Delay {
		return &Error{Field: "jitter", Value: c.Jitter.String(), Err: fmt.Errorf("want at most the delay of %v: packets cannot arrive before they leave", c.Delay)}
	}
	return nil
}

func checkTime(field string, d, most time.Duration) error {
	if d >= 0 && d <= most {
		return nil
	}
	return &Error{Field: field, Value: d.String(), Err: fmt.Errorf("want 0 to %v", most)}
}

func (c Config) checkTrace() error {
	switch {
	case c.Trace == nil:
		return nil
	case c.Rate != 0:
		return &Error{Field: "trace", Err: errors.New("takes the place of a rate; want one of them")}
	}
	return c.Trace.check()
}

func (c Config) checkQueue() error {
	if err := c.Queue.check(); err != nil {
		return &Error{Field: "queue", Value: c.Queue.String(), Err: err}
	}
	return nil
}

func (c Config) checkDrops() error {
	for _, d := range c.Drop {
		if err := d.check(); err != nil {
			return err
		}
	}
	return nil
}

// rtt is RTT or its default.
func (c Config) rtt() time.Duration {
	if c.RTT > 0 {
		return c.RTT
	}
	return 2 * c.Delay
}

// sender is what transmits the packets.
func (c Config) sender() sender {
	switch {
	case c.Trace != nil:
		return newPlayer(c.Trace)
	case c.Rate > 0:
		return &pacer{rate: uint64(c.Rate)}
	}
	return unlimited{}
}
