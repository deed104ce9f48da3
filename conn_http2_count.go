package linger

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
)

// What HTTP2.CountError is told: net/http's names for what happens to a connection.

// countErr counts an error by its code.
func (c *http2Conn) countErr(what string, code http2.ErrCode) { c.cfg.count(what + codeToken(code)) }

// countRead counts why reading ended.
func (c *http2Conn) countRead(err error) {
	var broken http2.ConnectionError
	switch {
	case errors.As(err, &broken):
		c.countErr("read_frame_conn_error_", http2.ErrCode(broken))
	case errors.Is(err, io.EOF):
		c.cfg.count("read_frame_eof")
	case errors.Is(err, io.ErrUnexpectedEOF):
		c.cfg.count("read_frame_unexpected_eof")
	default:
		c.cfg.count("read_frame_other")
	}
}

// codeToken names an error code.
func codeToken(code http2.ErrCode) string {
	if code > http2.ErrCodeHTTP11Required {
		return fmt.Sprintf("ERR_UNKNOWN_%d", uint32(code))
	}
	return code.String()
}
