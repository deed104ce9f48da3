package lab

import (
	"time"

	"github.com/lingerhttp/linger/link"
)

const (
	webPageTest = "WebPageTest, www/settings/connectivity.ini.sample "

	// shortQueue is for links whose bandwidth-delay product is less than a packet or
	// two: 64 packets at 28.8 kbit/s are 27 s.
	shortQueue = 20
)

// Profiles are links that are known by name. Their numbers are those of the sources
// they name; none is a measurement of ours.
func Profiles() []Profile {
	return []Profile{
		{
			Name: "lan", About: "a 10 Mbit/s Ethernet of 1997", RTT: ms(0.8), Down: 10 * mbit, Up: 10 * mbit,
			Source: "Nielsen et al., SIGCOMM '97, its LAN; of \"< 1 ms\" our choice is 0.8",
		},
		{
			Name: "dsl", About: "ADSL", RTT: ms(50), Down: 1500 * kbit, Up: 384 * kbit,
			Source: webPageTest + "[DSL]",
		},
		{
			Name: "cable", About: "a cable modem", RTT: ms(28), Down: 5 * mbit, Up: 1 * mbit,
			Source: webPageTest + "[Cable]",
		},
		{
			Name: "3g", About: "a telephone on 3G", RTT: ms(300), Down: 1600 * kbit, Up: 768 * kbit,
			Source: webPageTest + "[3G]",
		},
		{
			Name: "4g", About: "a telephone on LTE", RTT: ms(70), Down: 12 * mbit, Up: 12 * mbit,
			Source: webPageTest + "[LTE]",
		},
		{
			// Gilbert and Elliott's model fits 802.11 badly, whose bursts and gaps have long
			// tails: Cardoso and de Rezende, IEEE Communications Letters 2009.
			Name: "wifi-loss", About: "a bad wireless link: 1 packet in 50 lost, in bursts of 2",
			RTT: ms(30), Down: 50 * mbit, Up: 50 * mbit, Queue: link.Queue{Bytes: 100_000}, Burst: link.Burst{P: 0.01, R: 0.5},
			Source: "str0m, netem/src/config.rs: wifi_lossy, but cellular's bursts",
		},
		{
			Name: "satellite", About: "a geostationary satellite", RTT: ms(600), Down: 20 * mbit, Up: 2 * mbit,
			Source: "558 ms by RFC 2488 §2, and the ground's; rates are our choice",
		},
		{
			Name: "modem", About: "a telephone line of 1997", RTT: ms(150), Down: 28_800, Up: 28_800, Queue: link.Queue{Packets: shortQueue},
			Source: "Nielsen et al., SIGCOMM '97, its PPP; the queue is our choice",
		},
	}
}

const (
	kbit link.Rate = 1000
	mbit           = 1000 * kbit
)

func ms(n float64) Duration { return Duration(n * float64(time.Millisecond)) }
