package link_test

import (
	"fmt"
	"time"

	"github.com/lingerhttp/linger/link"
)

// Four packets enter a modem of 33.6 kbit/s at once. One waits, for one there is
// no room, and the answer to a SYN is lost by name.
func Example() {
	l, err := link.New(link.Config{
		Delay: 50 * time.Millisecond,
		Rate:  33_600,
		Queue: link.Queue{Packets: 2},
		Drop:  []link.Drop{{Kind: link.SYNACK, Nth: 1}},
	}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	l.Enter(0, link.Packet{ID: 1, Size: 1500})
	l.Enter(0, link.Packet{ID: 2, Size: 60, Conn: 1, Kind: link.SYNACK, Nth: 1})
	l.Enter(0, link.Packet{ID: 3, Size: 1500})
	l.Enter(0, link.Packet{ID: 4, Size: 1500})
	for at, ok := l.Next(); ok; at, ok = l.Next() {
		if fate, ok := l.Take(at); ok {
			fmt.Println(fate.ID, fate.Drop, fate.At.Round(time.Millisecond))
		}
	}
	// Output:
	// 4 tail 0s
	// 2 named 371ms
	// 1 arrived 407ms
	// 3 arrived 779ms
}
