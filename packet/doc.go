// Package packet reads IP packets from bytes.
//
// It is the first stage of the packet flow: it receives bytes from a capture or
// from the lab's links and hands on what their headers say. It keeps nothing and
// allocates nothing.
package packet
