// Package http1 is the message syntax of HTTP/1: heads and the framing of
// bodies, from octets (RFC 9112).
//
// A reader of messages goes this way:
//
//	HeadEnd                    where does the head end, or is more needed?
//	ParseResponse, ParseRequest    what does it say?
//	ResponseFraming, RequestFraming    where will the body end?
//	Chunks                     the content, if the body is chunked
//	CloseReason                may the connection carry another exchange?
//
// The package does no I/O, reads no clock and starts no goroutine: it is one
// parser for the client, for the explainer of captures and for the proxy.
//
// It is strict where leniency has let two readers disagree about one message
// (request smuggling, RFC 9112 §11.2), and lenient with responses where the RFC
// allows it and servers need it: a lone LF may end a line, a folded value is
// unfolded, the reason phrase may be missing. Requests and trailer sections get
// none of that.
package http1
