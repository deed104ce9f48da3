package exchange

// A Config says how exchanges are found. The zero value works.
type Config struct {
	// Tunnel is the sentence on the tunnel in which a connection's bytes were found;
	// empty outside of one. It becomes the Problem of exchanges that have none.
	Tunnel string

	// Keys are the secrets with which TLS is decrypted; nil means none. They are looked
	// up when the first bytes that need them come.
	Keys *KeyLog
}
