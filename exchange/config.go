package exchange

// A Config says how exchanges are found. The zero value works.
type Config struct {
	// Keys open what TLS carried; nil: nothing is opened.
	Keys *KeyLog

	// Counts, if not nil, is told what the connections carried. It is for one
	// goroutine: that which drives the Sinks.
	Counts *Counts
}

// Counts are how many connections carried what. One that changed over counts once
// for each: a tunnel, say, as HTTP/1 and as what was in it.
type Counts struct {
	HTTP1, HTTP2, TLS int64
	Other             int64 // no HTTP, as far as its first bytes tell; ignored
	Silent            int64 // no bytes, or too few to tell
}

// A content is what the bytes of a connection are.
type content uint8

const (
	untold content = iota
	carriesHTTP1
	carriesHTTP2
	carriesTLS
	carriesOther
)

func (c *Counts) add(k content) {
	if c == nil {
		return
	}
	switch k {
	case carriesHTTP1:
		c.HTTP1++
	case carriesHTTP2:
		c.HTTP2++
	case carriesTLS:
		c.TLS++
	case carriesOther:
		c.Other++
	default:
		c.Silent++
	}
}
