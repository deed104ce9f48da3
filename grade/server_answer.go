package grade

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// How the server answers: one HTTP/1 connection in its own hand, HTTP/2 by net/http's.

// talk answers an HTTP/1 connection to its end.
func (s *server) talk(c net.Conn) {
	defer s.all.Done()
	l := new(label)
	if noted, err := s.take(c, l); err == nil {
		_ = s.converse(noted, l)
		_ = noted.Close()
	}
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *server) converse(c *scribe, l *label) error {
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return err
		}
		n, plan := s.plan(req.URL.Path)
		if plan == nil {
			return fmt.Errorf("no exchange %s", req.URL.Path)
		}
		l.exchange = n
		if err := s.answer(c, plan, req.Close); err != nil || req.Close {
			return err
		}
	}
}

// answer writes an answer as the plan has it.
func (s *server) answer(w io.Writer, p *Plan, last bool) error {
	sleep(context.Background(), p.Think)
	head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n", p.Size)
	if last {
		head = append(head, "Connection: close\r\n"...)
	}
	head = append(head, "\r\n"...)
	if s.scenario.Apart {
		if _, err := w.Write(head); err != nil {
			return err
		}
		head = nil
	}
	for i, n := range p.cut() {
		if i > 0 {
			sleep(context.Background(), p.Stall)
		}
		if _, err := w.Write(append(head, filler[:n]...)); err != nil {
			return err
		}
		head = nil
	}
	return nil
}

// answerStream is the handler of HTTP/2.
func (s *server) answerStream(w http.ResponseWriter, r *http.Request) {
	n, plan := s.plan(r.URL.Path)
	if plan == nil {
		http.NotFound(w, r)
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	sleep(r.Context(), plan.Think)
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(plan.Size))
	flush := http.NewResponseController(w).Flush
	if s.scenario.Apart {
		s.book.wrote(n, 0)
		w.WriteHeader(http.StatusOK)
		_ = flush()
	}
	var upTo int64
	pieces := plan.cut()
	for i, size := range pieces {
		if i > 0 {
			sleep(r.Context(), plan.Stall)
		}
		upTo += int64(size)
		s.book.wrote(n, upTo)
		if _, err := w.Write(filler[:size]); err != nil {
			return
		}
		if i < len(pieces)-1 {
			_ = flush()
		}
	}
}
