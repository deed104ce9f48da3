package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/lingerhttp/linger/timeline"
)

// observe logs what was slow, and what failed, with where the time went.
func (s *service) observe(e *timeline.Exchange) {
	if e.Duration < s.slow && e.Error == "" {
		return
	}
	s.log.Warn("slow exchange",
		slog.String("url", e.URL),
		slog.Int("status", e.Status),
		slog.Duration("took", e.Duration),
		slog.String("timeline", timelineOf(e)),
		slog.Int("connection", e.Conn.Number), // 0: it got none
		slog.String("reason", e.Reason),
		slog.Int("tries", e.Tries),
		slog.String("error", e.Error),
	)
}

// timelineOf writes a timeline on one line: "queue 3µs, send 20µs, wait 1.2s".
func timelineOf(e *timeline.Exchange) string {
	var parts []string
	for _, s := range e.Spans {
		part := fmt.Sprintf("%v %v", s.Phase, s.Duration())
		if s.Note != "" {
			part += " (" + s.Note + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
