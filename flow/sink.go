package flow

// What the connections' bytes are handed to stands here.

// A Sink takes the bytes of a connection, in their order and as soon as they could
// be read at the place of capture.
type Sink interface {
	// Data hands over bytes from a stream offset on. They became readable at the
	// given time with the given packet; they are the Sink's until it returns.
	Data(d Dir, offset int64, b []byte, at int64, packet int32)

	// Missing says that n bytes from offset on are not in the capture: they were
	// acknowledged, or cut off by the snap length, or never shown until so much stood
	// behind them, or the capture ended, that they are not waited for. The packet is the
	// one that showed it, 0 if none did. It may be told up to 5 ms of the capture later
	// than its time, and with it what stood behind.
	Missing(d Dir, offset, n int64, at int64, packet int32)

	// End says that the direction has ended, once. After a reset both have, and so
	// they have, with How Open, when the capture ends or the connection is given up.
	End(d Dir, at int64, how How)
}

// How says how a direction ended.
type How uint8

// The ways of ending.
const (
	Open How = iota // the capture ended before
	ByFIN
	ByRST
)

func (h How) String() string {
	if h > ByRST {
		return "?"
	}
	return [...]string{"open", "by FIN", "by RST"}[h]
}
