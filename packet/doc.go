// Package packet reads IP packets, and the captures that hold them.
//
// It is the first stage of the packet flow: it receives bytes from a capture or from
// the lab's links and hands on what their headers say. Of a file, [NewReader] finds
// out what it is (sniff.go) and Reader.Packets hands over its packets one by one:
//
//	source        holds the bytes of the file that are looked at
//	pcap, pcapng  cut them to frames, and find the next one behind damage
//	LinkType      finds the IP packet in a frame
//	fragments     puts together what IP has taken apart
//	Packet        says what the headers of a packet say
//	Defects       counts what was not as it should be
//
// What is read once is not copied and allocates nothing.
package packet
