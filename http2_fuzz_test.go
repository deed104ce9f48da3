package linger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// said is what a server says, after the client's request if ask is set.
func said(write func(f *http2.Framer, block func(pairs ...string) []byte)) []byte {
	var out, block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	write(http2.NewFramer(&out, nil), func(pairs ...string) []byte {
		block.Reset()
		for i := 0; i < len(pairs); i += 2 {
			enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
		}
		return bytes.Clone(block.Bytes())
	})
	return out.Bytes()
}

// FuzzHTTP2Server lets a server say whatever it likes and then end the connection:
// every exchange ends, with an answer or an error, and nothing is left behind.
func FuzzHTTP2Server(f *testing.F) {
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Add(said(func(f *http2.Framer, block func(...string) []byte) {
		f.WriteSettings()
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status", "200", "content-length", "4"), EndHeaders: true})
		f.WriteData(1, true, []byte("body"))
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block(":status", "103"), EndHeaders: true})
		b := block(":status", "200", "trailer", "x-sum")
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: b[:1], PadLength: 3})
		f.WriteContinuation(3, true, b[1:])
		f.WriteDataPadded(3, false, []byte("more"), make([]byte, 9))
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block("x-sum", "42"), EndHeaders: true, EndStream: true})
	}))
	f.Add(said(func(f *http2.Framer, block func(...string) []byte) {
		f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		f.WriteSettingsAck()
		f.WritePing(false, [8]byte{1})
		f.WriteWindowUpdate(0, 10)
		f.WriteWindowUpdate(1, 10)
		f.WriteRSTStream(1, http2.ErrCodeRefusedStream)
		f.WritePriority(1, http2.PriorityParam{Weight: 3})
		f.WriteGoAway(1, http2.ErrCodeEnhanceYourCalm, []byte("calm"))
		f.WriteRawFrame(0xbe, 0xff, 1, []byte("x"))
		f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block(":path", "/"), EndHeaders: true})
	}))
	f.Fuzz(func(t *testing.T, script []byte) {
		var dialled atomic.Int32
		tr := &Transport{Strategy: Strategy{Conns: 1, Protocol: HTTP2}, MaxResponseHeaderBytes: 4 << 10}
		tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
			if dialled.Add(1) > 1 {
				return nil, errors.New("once is enough")
			}
			mine, theirs := net.Pipe()
			go utter(theirs, script)
			return mine, nil
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for _, body := range []string{"", "a body"} {
				askOnce(tr, t, body)
			}
			tr.Close()
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatalf("no end\n%s", strings.Join(ours(), "\n\n"))
		}
		if left := ours(); len(left) > 0 {
			t.Errorf("left behind:\n%s", strings.Join(left, "\n\n"))
		}
	})
}

// utter says the script to a client, reads what it says, and ends the connection
// when both have been silent for a moment.
func utter(c net.Conn, script []byte) {
	defer c.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Write(script)
	}()
	buf := make([]byte, 4096)
	for {
		c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := c.Read(buf); err != nil {
			break
		}
	}
	c.Close()
	<-done
}

func askOnce(tr *Transport, t *testing.T, body string) {
	resp, err := tr.RoundTrip(request(t, "POST", "http://peer/", body))
	if err != nil {
		if e := new(Error); !errors.As(err, &e) {
			t.Errorf("an error of another kind: %v", err)
		}
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if err := TimelineOf(resp).Check(); err != nil {
		t.Error(err)
	}
}
