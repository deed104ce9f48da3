package exchange

import "github.com/lingerhttp/linger/flow"

// New makes the Sink of one connection. It tells by the first bytes what the
// connection carries: HTTP/1, HTTP/2, TLS or something else, which is ignored. Each
// exchange is told to done when it is over, or when no more can be learnt of it, in
// the order of the requests of HTTP/1 and of the ends of HTTP/2's. A nil cfg is an
// empty one. What it holds is bounded, and no body is held: see the package's comment.
func New(c *flow.Conn, cfg *Config, done func(*Exchange)) flow.Sink {
	if cfg == nil {
		cfg = &Config{}
	}
	tell := func(e *Exchange) {
		e.Conn = c
		done(e)
	}
	begun := c != nil && (c.Opening.SYN != 0 || c.Opening.SYNACK != 0)
	return inClear{newOpening(place{conn: c, cfg: cfg, scheme: "http", midway: c != nil && !begun}, tell)}
}

// A place is where bytes were found.
type place struct {
	conn   *flow.Conn
	cfg    *Config
	scheme string
	midway bool // the beginning may not be in the capture
}

// An opening holds the first bytes of a connection, of TLS or of a tunnel until they
// tell what they are, and is then but the door to the reader of that.
type opening struct {
	place
	tell  func(*Exchange)
	r     reader // nil until it is told
	first [2]prefix
	held  backlog
	ended [2]bool
}

// A prefix is how a direction begins.
type prefix struct {
	b    []byte
	lost bool // what was before it, or will be behind it, is not in the capture
}

// What an opening holds at most, while it cannot tell.
const (
	maxPrefix = 64
	maxHeld   = 64 << 10
)

func newOpening(p place, tell func(*Exchange)) *opening { return &opening{place: p, tell: tell} }

func (o *opening) data(d flow.Dir, c chunk) {
	if o.r != nil {
		o.r.data(d, c)
		return
	}
	for len(c.b) > 0 && o.r == nil {
		// What is told must not depend on how the bytes are cut: no more than these are
		// looked at.
		n := len(c.b)
		if p := &o.first[d]; !p.lost && len(p.b) < maxPrefix {
			n = min(n, 1)
			p.b = append(p.b, c.b[:n]...)
		}
		o.held.data(d, c.first(n))
		c = c.behind(n)
		o.settle(o.guess())
	}
	if len(c.b) > 0 {
		o.r.data(d, c)
	}
}

func (o *opening) missing(d flow.Dir, h hole) {
	if o.r != nil {
		o.r.missing(d, h)
		return
	}
	o.first[d].lost = true
	o.held.missing(d, h)
	o.settle(o.guess())
}

func (o *opening) end(d flow.Dir, at int64, how flow.How) {
	if o.r != nil {
		o.r.end(d, at, how)
		return
	}
	o.ended[d] = true
	o.held.end(d, at, how)
	if o.ended[flow.Up] && o.ended[flow.Down] {
		o.cfg.Counts.add(untold)
		o.r = ignored{}
	}
}

// guess says what the prefixes tell.
func (o *opening) guess() content {
	up, down := o.first[flow.Up], o.first[flow.Down]
	told := guessUp(up.b)
	if told == untold {
		told = guessDown(down.b)
	}
	lost := up.lost || down.lost || o.midway
	full := o.held.full(maxHeld)
	switch {
	case told == untold && !full && !(up.lost && down.lost):
		return untold
	case told != untold && told != carriesOther:
		return told
	case lost:
		return carriesHTTP1 // it may be: where its messages begin is searched for
	}
	return carriesOther
}

// guessUp says how a client begins.
func guessUp(b []byte) content {
	n := emptyLines(b)
	switch {
	case len(b) == 0 || n == len(b):
		return untold
	case isTLS(b):
		if len(b) < 5 {
			return untold
		}
		return carriesTLS
	case isHTTP2(b):
		if len(b) < len("PRI * HTTP/2.0") {
			return untold
		}
		return carriesHTTP2
	}
	ok, sure := plausibleRequest(b[n:])
	switch {
	case !ok:
		return carriesOther
	case sure:
		return carriesHTTP1
	}
	return untold
}

// guessDown says how a server begins.
func guessDown(b []byte) content {
	switch {
	case len(b) == 0:
		return untold
	case isTLS(b):
		if len(b) < 5 {
			return untold
		}
		return carriesTLS
	case isSettings(b):
		if len(b) < 9 {
			return untold
		}
		return carriesHTTP2
	}
	ok, sure := plausibleResponse(b)
	switch {
	case !ok:
		return carriesOther
	case sure:
		return carriesHTTP1
	}
	return untold
}

// isSettings says whether b, possibly short, is how a server begins in HTTP/2: "the
// server connection preface consists of a potentially empty SETTINGS frame",
// https://www.rfc-editor.org/rfc/rfc9113#section-3.4
func isSettings(b []byte) bool {
	const head = "\x00??\x04\x00\x00\x00\x00\x00" // length, type, flags, stream
	for i := range min(len(b), len(head)) {
		if b[i] != head[i] && head[i] != '?' {
			return false
		}
	}
	return len(b) < 3 || (int(b[1])<<8|int(b[2]))%6 == 0 && b[1] < 0x40
}

// settle hands over to the reader of what was told.
func (o *opening) settle(told content) {
	if told == untold {
		return
	}
	o.cfg.Counts.add(told)
	switch told {
	case carriesHTTP1:
		o.r = newHTTP1(o.place, o.tell)
	case carriesHTTP2:
		o.r = newHTTP2(o.tell)
	case carriesTLS:
		o.r = newTLS(o.cfg.Keys, o.tell, o.inTLS)
	default:
		o.r = ignored{}
	}
	held := o.held
	o.held, o.first = backlog{}, [2]prefix{}
	held.replay(o.r)
}

// inTLS makes the reader of what TLS carried.
func (o *opening) inTLS(alpn string, tell func(*Exchange)) reader {
	if alpn == "h2" {
		o.cfg.Counts.add(carriesHTTP2)
		return newHTTP2(tell)
	}
	return newOpening(place{conn: o.conn, cfg: o.cfg, scheme: "https", midway: o.midway}, tell)
}

// ignored reads what is no HTTP.
type ignored struct{}

func (ignored) data(flow.Dir, chunk)          {}
func (ignored) missing(flow.Dir, hole)        {}
func (ignored) end(flow.Dir, int64, flow.How) {}
