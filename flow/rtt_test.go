package flow

import (
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
)

// TestMinRTT: the round trip and the place of capture, with and without a handshake.
// The round trip is 20 ms; at is how far from the client the capture is.
func TestMinRTT(t *testing.T) {
	for name, test := range map[string]struct {
		toServer  time.Duration // there and back, of the 20 ms
		handshake bool
		stamps    bool
		oneWay    bool // only the server sends data, as soon as it hears of an ACK
		want      time.Duration
		near      Place
	}{
		"at the client":                   {20 * ms, true, false, false, 20*ms + 1, AtClient},
		"at the server":                   {0, true, false, false, 20*ms + 1, AtServer},
		"between":                         {8 * ms, true, false, false, 20 * ms, Between},
		"no handshake, at the client":     {20 * ms, false, false, false, 20*ms + 1, AtClient},
		"no handshake, at the server":     {0, false, false, false, 20*ms + 1, AtServer},
		"a download, timestamps":          {0, false, true, true, 20*ms + 1, AtServer},
		"a download, at the client":       {20 * ms, false, true, true, 20*ms + 1, AtClient},
		"a download, without timestamps":  {0, false, false, true, 0, Somewhere},
		"timestamps, at the client":       {20 * ms, false, true, false, 20*ms + 1, AtClient},
		"timestamps, with a handshake":    {20 * ms, true, true, false, 20*ms + 1, AtClient},
		"timestamps, between, no opening": {12 * ms, false, true, false, 20 * ms, Between},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
			conn.Timestamps = test.stamps
			toClient := 20*ms - test.toServer
			now := 10 * time.Millisecond
			if test.handshake {
				conn.Client(now, syn)
				conn.Server(now+test.toServer, synACK)
				conn.ACK(client, now+20*ms)
			}
			for range 10 {
				now += 100 * ms
				if !test.oneWay {
					conn.Send(client, now, "?")
				}
				conn.Send(server, now+test.toServer, "!")
				conn.ACK(client, now+test.toServer+toClient)
				if test.oneWay {
					now += toClient + test.toServer - 100*ms
				}
			}
			h := one(t, capture)
			if time.Duration(h.MinRTT) != test.want || h.Near != test.near {
				t.Errorf("%v, %v; want %v, %v", time.Duration(h.MinRTT), h.Near, test.want, test.near)
			}
			if up := time.Duration(h.ToReceiver(Up)); h.Near == Between && up != test.toServer/2 {
				t.Errorf("to the server in %v", up)
			}
		})
	}
}

// TestKarn: whose ACK comes after a retransmission, nobody can say.
func TestKarn(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.Client(0, syn)
	conn.Server(0, synACK)
	conn.Client(20*ms, packets.Segment{Window: 502})
	conn.Server(50*ms, data(0))
	conn.Server(270*ms, data(0))
	conn.Client(271*ms, sack(1))
	if h := one(t, capture); h.MinRTT != int64(20*ms)+1 || h.ends[Down].rtt.smoothed != int64(20*ms) {
		t.Errorf("%v, %v", time.Duration(h.MinRTT), time.Duration(h.ends[Down].rtt.smoothed))
	}
}

// TestClockStepsBack: no sample is negative.
func TestClockStepsBack(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.Client(time.Hour, syn)
	conn.Server(0, synACK)
	conn.Client(0, packets.Segment{Window: 502})
	conn.Send(client, 0, "?")
	conn.Send(server, 20*ms, "!")
	conn.ACK(client, 20*ms)
	h := one(t, capture)
	if h.MinRTT != int64(20*ms)+1 || h.Near != AtClient || h.Last != at(time.Hour) {
		t.Errorf("%v, %v, the last packet at %v", time.Duration(h.MinRTT), h.Near, since(h.Last))
	}
}
