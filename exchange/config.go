package exchange

// A Config says how exchanges are found. The zero value works.
type Config struct {
	// Tunnel is the sentence on the tunnel in which a connection's bytes were found;
	// empty outside of one. It becomes the Problem of exchanges that have none.
	Tunnel string
}
