// Package packets makes the packets of captures, for tests: those of the packet flow
// build theirs here.
//
//	capture := packets.NewCapture()
//	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
//	conn.Open(0, 20*time.Millisecond)
//	conn.Send(packets.Client, 20*time.Millisecond, "GET / HTTP/1.1\r\n\r\n")
//	conn.Server(45*time.Millisecond, packets.Segment{Ack: 18})
//	for p := range capture.Packets() { … }
//
// Times count from the capture's start, sequence numbers in stream offsets: 0 is the
// first byte of data of a direction, -1 the SYN.
package packets
