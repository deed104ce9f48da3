package timeline

import "time"

// Totals adds up a set of exchanges.
type Totals struct {
	// Time runs from the first start to the last end.
	Time time.Duration `json:"time_ns"`

	Exchanges int `json:"exchanges"`
	Failed    int `json:"failed"` // those with an error; a status of 4xx or 5xx is an answer

	// Connections counts the connections that carried an exchange, Reused the
	// exchanges that were not the first on theirs.
	Connections int `json:"connections"`
	Reused      int `json:"reused"`

	Sent     Bytes `json:"sent"`
	Received Bytes `json:"received"`

	// Phases and Causes sum the spans of all exchanges, which overlap one
	// another where exchanges ran side by side.
	Phases map[Phase]time.Duration `json:"phases_ns"`
	Causes map[Cause]time.Duration `json:"causes_ns"`
}

// Sum adds up exchanges that have ended.
func Sum(exchanges []*Exchange) Totals {
	t := Totals{
		Exchanges: len(exchanges),
		Phases:    make(map[Phase]time.Duration),
		Causes:    make(map[Cause]time.Duration),
	}
	conns := make(map[Conn]bool)
	var first, last time.Time
	for _, e := range exchanges {
		if first.IsZero() || e.Start.Before(first) {
			first = e.Start
		}
		if end := e.Start.Add(e.Duration); end.After(last) {
			last = end
		}
		t.add(e)
		if e.Conn.Number > 0 {
			conns[e.Conn] = true
		}
	}
	t.Time = last.Sub(first)
	t.Connections = len(conns)
	return t
}

func (t *Totals) add(e *Exchange) {
	if e.Error != "" {
		t.Failed++
	}
	if e.Nth > 1 {
		t.Reused++
	}
	t.Sent.Header += e.Sent.Header
	t.Sent.Body += e.Sent.Body
	t.Received.Header += e.Received.Header
	t.Received.Body += e.Received.Body
	for _, s := range e.Spans {
		t.Phases[s.Phase] += s.Duration()
		t.Causes[s.Cause] += s.Duration()
	}
}

// Handshake is the time spent on opening connections: names, TCP and TLS.
func (t Totals) Handshake() time.Duration {
	return t.Phases[DNS] + t.Phases[Connect] + t.Phases[TLS]
}
