package origin

import "sync"

// Stats counts what a server has met since it started, over both origins.
type Stats struct {
	Accepted int // connections that were admitted
	Open     int // of these, open now; one that the server begins to close counts no more
	MostOpen int // most that were open at once
	Requests int // whose head was read
	Turned   int // connections turned away by MaxConns after they were accepted, with a reset
	Reset    int // connections reset in the middle of a body
}

// counts is a Stats that many goroutines add to.
type counts struct {
	mu    sync.Mutex
	stats Stats // guarded by mu
}

func (c *counts) add(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
	c.stats.MostOpen = max(c.stats.MostOpen, c.stats.Open)
}

// Stats returns the counts as they are now.
func (s *Server) Stats() Stats {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	return s.counts.stats
}
