package packet

import "io"

// A source is the bytes of a file, of which it holds those that are looked at. It
// reads only if bytes are missing, and takes what is there: so that a packet can be
// handed over as soon as its last byte is there.
type source struct {
	r        io.Reader
	buf      []byte
	from, to int   // buf[from:to] was read and not yet taken
	at       int64 // where from is in the file
	err      error // io.EOF at the end; or what else r has said
}

// sourceSize is how much is read at once: what the caches of a processor hold.
const sourceSize = 256 << 10

func newSource(r io.Reader) *source {
	return &source{r: r, buf: make([]byte, sourceSize)}
}

// peek returns the next n bytes, or fewer if the file ends before. They are good until
// the next peek or Read.
func (s *source) peek(n int) []byte {
	if s.to-s.from < n {
		s.fill(n)
	}
	return s.buf[s.from:min(s.from+n, s.to)]
}

// take goes n bytes on, which peek has returned.
func (s *source) take(n int) {
	s.from += n
	s.at += int64(n)
}

// fill reads until n bytes are there, or the file ends.
func (s *source) fill(n int) {
	if s.from+n > len(s.buf) {
		s.to = copy(s.buf, s.buf[s.from:s.to])
		s.from = 0
	}
	for idle := 0; s.to-s.from < n && s.err == nil; {
		if s.to == len(s.buf) { // so much has come: a length that lies costs no memory
			s.buf = append(s.buf, make([]byte, len(s.buf))...)
		}
		got, err := s.r.Read(s.buf[s.to:])
		s.to += got
		s.err = err
		if idle++; got > 0 {
			idle = 0
		} else if idle == 100 && err == nil {
			s.err = io.ErrNoProgress
		}
	}
}

// Read gives away what was read and not taken, and then what r has: for what stands
// between the source and the file, like gzip.
func (s *source) Read(b []byte) (int, error) {
	if s.from == s.to {
		if s.err != nil {
			return 0, s.err
		}
		n, err := s.r.Read(b)
		s.at += int64(n)
		return n, err
	}
	n := copy(b, s.buf[s.from:s.to])
	s.take(n)
	return n, nil
}
