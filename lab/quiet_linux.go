package lab

import (
	"context"
	"time"
)

const (
	// stillFor is what a kernel may take to answer a packet, delayed ACKs aside.
	stillFor = 20 * time.Millisecond

	// patience is how long Quiet waits for sockets alone.
	patience = 5 * time.Second
)

// Quiet waits until nothing is under way and nothing will come, so that what one
// exchange leaves behind is not counted as the next one's: until nothing was under
// way for a round trip and a little more, and both kernels say that no connection over
// the link is being opened or closed, and that none has data which was not
// acknowledged. So it waits for what is lost to be sent again.
//
// It gives up with ctx. Connections that hold it up for 5 s in all while nothing is
// under way it takes for stuck, as one is whose other end does not read, and returns
// nil. What waits for a program alone, and timers such as that of keep-alive, it does
// not know of.
func (l *Lab) Quiet(ctx context.Context) error { return l.quiet(ctx, patience) }

func (l *Lab) quiet(ctx context.Context, patience time.Duration) error {
	still := l.config.longestRTT() + stillFor
	each := still / 4
	tick := time.NewTicker(each)
	defer tick.Stop()
	for {
		busy, err := l.busy(still)
		if err != nil || busy == nobody {
			return err
		}
		if busy == sockets {
			if patience <= 0 {
				return nil
			}
			patience -= each
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// What keeps a lab from being quiet.
type disturber int

const (
	nobody disturber = iota
	packets
	sockets
)

// busy says what there is to wait for. The kernels are asked once the link is still.
func (l *Lab) busy(still time.Duration) (disturber, error) {
	var under int
	var idle time.Duration
	err := l.ask(func() { under, idle = l.relay.pool.inUse(), l.relay.now()-l.relay.latest })
	if err != nil || under > 0 || idle < still {
		return packets, err
	}
	for _, s := range []*Side{l.Client, l.Server} {
		if busy, err := s.unsettled(); err != nil || busy {
			return sockets, err
		}
	}
	return nobody, nil
}
