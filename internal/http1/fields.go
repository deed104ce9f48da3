package http1

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// A section is a run of field lines up to and with the empty line behind them,
// being read. All names and values are sliced from one string.
type section struct {
	in     string // for errors: what is being read
	b      []byte // the whole head or trailer section
	s      string // the same octets
	at     int    // the next octet to be read
	strict bool   // lines end with CRLF only, no folding: requests and trailers

	header http.Header
	values []string // backing for the values of fields that come once
}

// maxHint bounds what is allocated on the word of a count of lines, before the
// lines were read.
const maxHint = 256

// fields reads the field lines from s.at to the end of the octets.
func (s *section) fields() (http.Header, error) {
	lines := bytes.Count(s.b[s.at:], []byte{'\n'}) - 1
	hint := max(0, min(lines, maxHint))
	s.header = make(http.Header, hint)
	s.values = make([]string, hint)
	for {
		if end, err := s.emptyLine(); end || err != nil {
			return s.header, err
		}
		name, err := s.name()
		if err != nil {
			return nil, err
		}
		value, err := s.value()
		if err != nil {
			return nil, err
		}
		s.add(name, value)
	}
}

// emptyLine reports whether the section ends here, as it must at its last octet
// and nowhere else.
func (s *section) emptyLine() (bool, error) {
	rest := s.b[s.at:]
	switch {
	case len(rest) == 0:
		return false, s.fail(s.at, "no empty line at the end")
	case rest[0] != '\n' && !bytes.HasPrefix(rest, []byte("\r\n")):
		return false, nil
	case s.strict && rest[0] == '\n':
		return false, s.fail(s.at, "line ends with a lone LF")
	}
	s.at += bytes.IndexByte(rest, '\n') + 1
	if s.at != len(s.b) {
		return false, s.fail(s.at, "octets behind the empty line")
	}
	return true, nil
}

// name reads a field name and the colon behind it, and returns the name in its
// canonical form.
func (s *section) name() (string, error) {
	start, row, seen := s.at, uint8(newWord), uint8(0)
	for i := start; i < len(s.b); i++ {
		judged := nameOctets[row][s.b[i]]
		if judged&notToken != 0 {
			if s.b[i] != ':' || i == start {
				return "", s.fail(i, nameFault(s.b[i], i-start))
			}
			s.at = i + 1
			if seen&wrongCase != 0 {
				return canonicalName(s.s[start:i]), nil
			}
			return s.s[start:i], nil
		}
		seen |= judged
		row = judged & newWord
	}
	return "", s.fail(len(s.b), "field line without a colon")
}

// nameFault says why octet c, behind n octets of a field name, is wrong.
//
// "No whitespace is allowed between the field name and colon. In the past,
// differences in the handling of such whitespace have led to security
// vulnerabilities in request routing and response handling"
// (https://www.rfc-editor.org/rfc/rfc9112#section-5.1).
//
// "A recipient that receives whitespace between the start-line and the first
// header field MUST either reject the message as invalid or consume each
// whitespace-preceded line without further processing of it"
// (https://www.rfc-editor.org/rfc/rfc9112#section-2.2).
func nameFault(c byte, n int) string {
	switch {
	case c == ':':
		return "empty field name"
	case isOWS(c) && n == 0:
		return "whitespace before the first field"
	case isOWS(c):
		return "whitespace in or behind a field name"
	case c == '\r' || c == '\n':
		return "field line without a colon"
	}
	return fmt.Sprintf("octet 0x%02x in field name", c)
}

// value reads a field value and the end of its line, and returns the value
// without the optional whitespace around it.
func (s *section) value() (string, error) {
	start, folded := s.at, false
	for i := start; ; {
		end, next, err := s.lineEnd(i, "field value")
		if err != nil {
			return "", err
		}
		if next < len(s.b) && isOWS(s.b[next]) {
			if s.strict {
				return "", s.fail(next, "folded field value")
			}
			folded, i = true, next
			continue
		}
		s.at = next
		if folded {
			return unfold(s.s[start:end]), nil
		}
		for start < end && isOWS(s.b[start]) {
			start++
		}
		for start < end && isOWS(s.b[end-1]) {
			end--
		}
		return s.s[start:end], nil
	}
}

// lineEnd returns where the text of the line around octet i ends and where the
// next line begins. Any control octet but HTAB on the way is an error, in what.
//
// "… a recipient of CR, LF, or NUL within a field value MUST either reject the
// message or replace each of those characters with SP before further processing
// or forwarding of that message. Field values containing other CTL characters
// are also invalid" (https://www.rfc-editor.org/rfc/rfc9110#section-5.5).
func (s *section) lineEnd(i int, what string) (end, next int, err error) {
	for {
		i = nextControl(s.b, i)
		if i == len(s.b) {
			return 0, 0, s.fail(i, "no empty line at the end")
		}
		switch c := s.b[i]; {
		case c == '\t':
			i++
		case c == '\r' && i+1 < len(s.b) && s.b[i+1] == '\n':
			return i, i + 2, nil
		case c == '\r':
			return 0, 0, s.fail(i, "bare CR in "+what)
		case c == '\n' && s.strict:
			return 0, 0, s.fail(i, "line ends with a lone LF")
		case c == '\n':
			return i, i + 1, nil
		default:
			return 0, 0, s.fail(i, fmt.Sprintf("octet 0x%02x in %s", c, what))
		}
	}
}

// unfold replaces the folds of a value: "A user agent that receives an obs-fold
// in a response message that is not within a "message/http" container MUST
// replace each received obs-fold with one or more SP octets prior to
// interpreting the field value"
// (https://www.rfc-editor.org/rfc/rfc9112#section-5.2). It is one SP here.
func unfold(value string) string {
	lines := strings.Split(value, "\n")
	for i, line := range lines {
		lines[i] = strings.Trim(line, " \t\r")
	}
	return strings.Trim(strings.Join(lines, " "), " ")
}

// add puts a field behind those of the same name.
func (s *section) add(name, value string) {
	if before := s.header[name]; before != nil {
		s.header[name] = append(before, value)
		return
	}
	if len(s.values) == 0 {
		s.values = make([]string, maxHint)
	}
	// The capacity is 1 so that appending cannot reach into the next field's.
	s.values[0] = value
	s.header[name], s.values = s.values[:1:1], s.values[1:]
}

func (s *section) fail(at int, what string) error {
	return &SyntaxError{In: s.in, What: what, Offset: at}
}
