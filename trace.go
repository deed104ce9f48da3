package linger

import (
	"bytes"
	"net/http/httptrace"
	"net/textproto"
	"strings"
)

// httptrace: the hooks in a request's context, called where net/http calls them.
// The context is asked once, when the exchange begins; the hooks of looking up
// names, of connecting and of TLS are called where that happens, with the context
// of the request that asked for the dial. They are called in whatever goroutine
// does the work, and decide nothing, but for Got1xxResponse's error.

// hooks are those of one request. The zero hooks call nobody.
type hooks struct{ *httptrace.ClientTrace }

func (h hooks) getConn(x *exchange) {
	if h.ClientTrace == nil || h.GetConn == nil {
		return
	}
	to := x.origin.addr
	if p, err := x.route.via(); err == nil && x.route.proxy != "" {
		to = p.addr
	}
	h.GetConn(to)
}

func (h hooks) gotConn(s slot) {
	if h.ClientTrace == nil || h.GotConn == nil {
		return
	}
	info := httptrace.GotConnInfo{Conn: outermost(s.conn.network()), Reused: s.nth > 1, WasIdle: s.idle > 0, IdleTime: s.idle}
	h.GotConn(info)
}

// putIdleConn is told only of HTTP/1, as net/http does. why is why the connection
// is not kept, nil if it is.
func (h hooks) putIdleConn(why error) {
	if h.ClientTrace != nil && h.PutIdleConn != nil {
		h.PutIdleConn(why)
	}
}

// wroteHead tells of each field in a head of HTTP/1, and of its end.
func (h hooks) wroteHead(head []byte) {
	if h.ClientTrace == nil {
		return
	}
	if h.WroteHeaderField != nil {
		eachLine(head, h.WroteHeaderField)
	}
	h.wroteHeaders()
}

func (h hooks) wroteHeaders() {
	if h.ClientTrace != nil && h.WroteHeaders != nil {
		h.WroteHeaders()
	}
}

// wroteHTTP2Head does so for HTTP/2.
func (h hooks) wroteHTTP2Head(x *exchange) {
	if h.ClientTrace == nil {
		return
	}
	if h.WroteHeaderField != nil {
		eachInHead(x, func(name, value string) { h.WroteHeaderField(name, []string{value}) })
	}
	h.wroteHeaders()
}

// eachLine yields the fields of a head of HTTP/1, lines of the same name that
// stand behind each other as one.
func eachLine(head []byte, yield func(name string, values []string)) {
	_, head, _ = bytes.Cut(head, []byte("\r\n")) // the request line
	var last string
	var values []string
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := strings.Cut(string(line), ": ")
		if name != last && values != nil {
			yield(last, values)
			values = nil
		}
		if name == "" {
			return
		}
		last, values = name, append(values, value)
	}
}

func (h hooks) wroteRequest(err error) {
	if h.ClientTrace != nil && h.WroteRequest != nil {
		h.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
}

func (h hooks) wait100Continue() {
	if h.ClientTrace != nil && h.Wait100Continue != nil {
		h.Wait100Continue()
	}
}

func (h hooks) gotFirstResponseByte() {
	if h.ClientTrace != nil && h.GotFirstResponseByte != nil {
		h.GotFirstResponseByte()
	}
}

// takes1xx says whether interim responses are handed to the caller, who then
// bounds their number.
func (h hooks) takes1xx() bool { return h.ClientTrace != nil && h.Got1xxResponse != nil }

// got1xx tells of an interim response. Its error ends the exchange. waited says
// that the request waited for 100 (Continue).
func (h hooks) got1xx(status int, header textproto.MIMEHeader, waited bool) error {
	if h.ClientTrace == nil {
		return nil
	}
	if status == 100 && waited && h.Got100Continue != nil {
		h.Got100Continue()
	}
	if h.Got1xxResponse != nil {
		return h.Got1xxResponse(status, header)
	}
	return nil
}
