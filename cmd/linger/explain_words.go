package main

import (
	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/timeline"
)

// What linger explain says in words, for those who are not TCP's readers.

// meanings say what time with a cause is spent on.
var meanings = [timeline.NumCauses]string{
	timeline.Unknown:       "none of the causes can be shown",
	timeline.Queued:        "no connection, slot of a pipeline or stream was free",
	timeline.NameLookup:    "a name was being looked up",
	timeline.Handshake:     "a connection was being opened: one round trip before the first byte",
	timeline.SYNRetry:      "a SYN or SYN-ACK was lost, and the kernel waited 1 s, 2 s, 4 s … to send it again",
	timeline.TLSHandshake:  "client and server were shaking hands for TLS",
	timeline.Propagation:   "bytes were in flight: the round trip that distance costs",
	timeline.Server:        "the server had the request and had not begun to answer",
	timeline.Stall:         "the server had begun to answer and had nothing more to send for a while",
	timeline.Transfer:      "the bottleneck of the path was sending this exchange's bytes",
	timeline.Queueing:      "the bottleneck of the path was sending other bytes, which stood before",
	timeline.SlowStart:     "the sender waited for ACKs because its congestion window was still small",
	timeline.Congestion:    "the sender waited for ACKs because a loss had shrunk its congestion window",
	timeline.ReceiveWindow: "the receiver's window was closed, or too small for the path",
	timeline.Nagle:         "the sender held a small segment until earlier ones were acknowledged (Nagle's algorithm)",
	timeline.DelayedACK:    "the sender waited for an ACK on which the receiver was sitting",
	timeline.Loss:          "bytes were lost and had to be sent again",
	timeline.HeadOfLine:    "the bytes stood behind those of another exchange",
	timeline.Client:        "the client was not reading",
}

// advice says what to do, and where to set it.
var advice = [cause.NumRemedies]string{
	cause.NoDelay:          "let small segments leave at once where they were held: net.TCPConn.SetNoDelay(true) (Go's default), setsockopt TCP_NODELAY, nginx \"tcp_nodelay on;\" – or write head and body in one go",
	cause.QuickACK:         "acknowledge at once where ACKs were held: setsockopt TCP_QUICKACK before each read, or on Linux \"ip route change ROUTE quickack 1\"",
	cause.KeepConnection:   "use connections again: read every response to its end, raise http.Transport.MaxIdleConnsPerHost (2 unless set), nginx keepalive_timeout, and keepalive in its upstream",
	cause.InitialWindow:    "let the sender begin with a larger congestion window: \"ip route change default via GATEWAY dev DEVICE initcwnd 32\" where it runs",
	cause.ReceiveBuffer:    "give the receiver a larger buffer: the third figure of sysctl net.ipv4.tcp_rmem where it runs, and no SO_RCVBUF in the program, which turns the kernel's own tuning off",
	cause.Multiplex:        "use HTTP/2: nginx \"http2 on;\", curl --http2; Go's net/http does over TLS",
	cause.Nearer:           "put the server at half the distance: a region nearer to its clients, or a CDN",
	cause.MoreConnections:  "open more connections at once: http.Transport.MaxConnsPerHost, linger get --strategy persistent6",
	cause.FewerConnections: "open fewer connections at once: http.Transport.MaxConnsPerHost; they shared one bottleneck and each began with a small window",
}
