package cause

import (
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// ends names who sends and who receives in a direction.
func ends(d flow.Dir) (sender, receiver string) {
	if d == flow.Up {
		return "the client", "the server"
	}
	return "the server", "the client"
}

// sentence says for a person what a span's time was spent on.
func (s *span) sentence() string {
	sender, receiver := ends(s.dir)
	switch s.cause {
	case timeline.Queued:
		return "the client had not sent the request yet"
	case timeline.NameLookup:
		return "the client looked the server's name up"
	case timeline.Handshake:
		return "the client waited a round trip for the server's SYN-ACK"
	case timeline.SYNRetry:
		return "a SYN or SYN-ACK was lost, and its timer had to run out"
	case timeline.TLSHandshake:
		return "client and server agreed on keys"
	case timeline.Propagation:
		if s.dir == flow.Up {
			return "the request was on its way"
		}
		return "the response was on its way"
	case timeline.Server:
		return "the server had the request and had not begun to answer"
	case timeline.Stall:
		return sender + " had nothing more to send yet"
	case timeline.Transfer:
		return "the slowest link carried these bytes"
	case timeline.Queueing:
		return "the slowest link carried bytes of other connections first"
	case timeline.SlowStart:
		return sender + " waited for an ACK: its congestion window was still small"
	case timeline.Congestion:
		return sender + " waited for an ACK: losses had shrunk its congestion window"
	case timeline.ReceiveWindow:
		if s.detail == streamWindow {
			return sender + " waited for " + receiver + " to open a window of HTTP/2"
		}
		return sender + " waited for an ACK: the window that " + receiver + " offers is too small for the path"
	case timeline.Nagle:
		return sender + " held a small segment until an earlier one was acknowledged: Nagle's algorithm"
	case timeline.DelayedACK:
		return receiver + " held the ACK that " + sender + " waited for" + s.waitedBy()
	case timeline.Loss:
		return "bytes were lost; " + s.repaired(sender)
	case timeline.HeadOfLine:
		return s.behind()
	case timeline.Client:
		return receiver + " did not read, and so its window was closed"
	}
	return "none of the causes can be shown"
}

func (s *span) waitedBy() string {
	switch s.detail {
	case ofNagle:
		return " because of Nagle's algorithm"
	case ofWindow:
		return " because the receive window was used up"
	}
	return " because its congestion window was used up"
}

func (s *span) repaired(sender string) string {
	switch s.detail {
	case fastRetransmit:
		return sender + " sent them again when ACKs told of the hole"
	case tailProbe:
		return sender + " sent the last of them again as a probe"
	case timeout:
		return sender + " sent them again when its timer had run out"
	}
	return sender + " sent them again"
}

func (s *span) behind() string {
	switch s.detail {
	case behindPipeline:
		return "the response stood behind an earlier one of its connection"
	case behindHole:
		return "bytes of another exchange were missing in front of these"
	}
	return "bytes of other streams stood before these"
}
