package http1

import (
	"net/http"
	"testing"
)

func TestCloseReason(t *testing.T) {
	for _, test := range []struct {
		minor      int
		connection []string
		want       string
	}{
		{1, nil, ""},
		{1, []string{"keep-alive"}, ""},
		{1, []string{"upgrade"}, ""},
		{2, nil, ""},
		{1, []string{"close"}, "server sent Connection: close"},
		{1, []string{"keep-alive", "Close"}, "server sent Connection: close"},
		{0, []string{"keep-alive, close"}, "server sent Connection: close"},
		{0, []string{"Keep-Alive"}, ""},
		{0, nil, "HTTP/1.0 without keep-alive"},
		{0, []string{"upgrade"}, "HTTP/1.0 without keep-alive"},
	} {
		h := http.Header{}
		if test.connection != nil {
			h["Connection"] = test.connection
		}
		if got := CloseReason(test.minor, h); got != test.want {
			t.Errorf("HTTP/1.%d, Connection: %q: %q, want %q", test.minor, test.connection, got, test.want)
		}
	}
}
