package report

// A Wire is what the link saw of one round: every IP packet of the strategy's,
// in both directions.
type Wire struct {
	PacketsUp   int64 `json:"packets_up"` // from the client to the server
	PacketsDown int64 `json:"packets_down"`
	BytesUp     int64 `json:"bytes_up"` // of IP packets, headers included
	BytesDown   int64 `json:"bytes_down"`
	Payload     int64 `json:"payload"` // of the bytes of both ways, those that TCP carried

	// Overhead is the share, 0 to 1, of the bytes that are IP and TCP headers, as
	// counted; 0 of none.
	Overhead float64 `json:"overhead"`

	Dropped int64 `json:"dropped"` // packets that the link did not deliver, both ways
}

// bytes are those of both ways.
func (w *Wire) bytes() int64 { return w.BytesUp + w.BytesDown }
