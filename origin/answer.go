package origin

import (
	"net/http"
	"strconv"
	"time"
)

// An answer is the writer between a handler and the connection: it paces,
// reframes and cuts what passes, and ends the connection as planned. Whoever
// made it calls finish when the handler is done.
//
// An answer that is cut leaves by panic(http.ErrAbortHandler), the way in which
// net/http lets a handler abandon its connection.
type answer struct {
	http.ResponseWriter
	request *http.Request
	conn    *conn
	plan    plan

	headed bool
	left   int64     // bytes of body until the answer breaks; -1 if it does not
	sent   int64     // bytes of body written
	start  time.Time // when the head was written
}

// Unwrap lets http.ResponseController find what is underneath.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.headed {
		return
	}
	a.headed, a.start = true, time.Now()
	h := a.Header()
	length, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	hasBody := a.request.Method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
	if cuts := a.plan.breaks == ResetBody || a.plan.breaks == Truncate; cuts && hasBody {
		if a.left = a.plan.breakAt; a.left == 0 && err == nil {
			a.left = length / 2
		}
	}
	if a.plan.framing != ByLength && hasBody {
		h.Del("Content-Length")
	}
	http1 := a.request.ProtoMajor == 1
	if a.plan.framing == ByClose && http1 && hasBody {
		h.Set("Transfer-Encoding", "identity") // net/http's word for this; it is not sent
	}
	if a.plan.ending == announce {
		h.Set("Connection", "close") // in HTTP/2 net/http says it by GOAWAY
	}
	a.ResponseWriter.WriteHeader(status)
	if a.plan.framing != ByLength {
		a.flush() // or net/http would count a short body and add its length
	}
}

// Write passes p on at the planned rate, up to where the answer breaks.
func (a *answer) Write(p []byte) (int, error) {
	if !a.headed {
		a.WriteHeader(http.StatusOK)
	}
	n := 0
	for n < len(p) {
		a.breakHere()
		piece := p[n:]
		if a.left > 0 {
			piece = piece[:min(int64(len(piece)), a.left)]
		}
		k, err := a.writePiece(piece)
		n += k
		a.sent += int64(k)
		if a.left > 0 {
			a.left -= int64(k)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// writePiece writes as much of p as is due next, once it is due.
func (a *answer) writePiece(p []byte) (int, error) {
	rate := a.plan.rate
	if rate <= 0 {
		return a.ResponseWriter.Write(p)
	}
	p = p[:min(len(p), pieceAt(rate))]
	due := a.start.Add(dueAt(a.sent+int64(len(p)), rate))
	if err := pauseFor(a.request.Context(), time.Until(due)); err != nil {
		return 0, err
	}
	n, err := a.ResponseWriter.Write(p)
	a.flush()
	return n, err
}

// pieceAt is how many bytes are written at once at a rate: what 20 ms bring, at
// least one and at most 32 KiB.
func pieceAt(rate int64) int { return int(min(max(rate/50, 1), 32<<10)) }

// dueAt is when the n-th byte of a body leaves, counted from the head, at a rate
// of bytes per second. What would leave after more than a century leaves then.
func dueAt(n, rate int64) time.Duration {
	const century = 100 * 365 * 86400
	return time.Duration(min(n/rate, century))*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

// breakHere ends the exchange if this is where it breaks.
func (a *answer) breakHere() {
	if a.left != 0 {
		return
	}
	a.flush()
	if a.plan.breaks == ResetBody && a.request.ProtoMajor == 1 {
		a.conn.gate.counts.add(func(s *Stats) { s.Reset++ })
		_ = a.conn.reset()
	}
	panic(http.ErrAbortHandler)
}

// finish ends the exchange after its body, as planned.
func (a *answer) finish() {
	if !a.headed {
		a.WriteHeader(http.StatusOK)
	}
	a.breakHere()
	if a.plan.ending == silent && a.request.ProtoMajor == 1 {
		a.flush()
		panic(http.ErrAbortHandler) // net/http closes; conn.Close sees to the rest
	}
}

// flush sends what is buffered. That it cannot is for the next Write to find.
func (a *answer) flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }
