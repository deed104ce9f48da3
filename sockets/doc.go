// Package sockets is the kernel's view of TCP.
//
// [Info] asks the kernel about one connection, and costs about a microsecond;
// [ParseTCPInfo] reads the same record wherever else the kernel hands it out.
package sockets
