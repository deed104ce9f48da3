package link

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Drop names packets to be lost, such as the third data segment of the second
// connection. As text it is "2:data:3"; "*" stands for every connection and for
// every packet of the kind: "*:syn:1", "1:data:*". What is not TCP can be named as a
// whole only: "*:other:*".
type Drop struct {
	Conn int // as in Packet; 0 means every connection
	Kind Kind
	Nth  int // as in Packet; 0 means every one
}

// names reports whether d names p.
func (d Drop) names(p Packet) bool {
	return d.Kind == p.Kind && (d.Conn == 0 || d.Conn == p.Conn) && (d.Nth == 0 || d.Nth == p.Nth)
}

// named reports whether any of the drops names p.
func named(drops []Drop, p Packet) bool {
	for _, d := range drops {
		if d.names(p) {
			return true
		}
	}
	return false
}

// String returns d as text.
func (d Drop) String() string {
	return fmt.Sprintf("%s:%s:%s", ordinal(d.Conn), d.Kind, ordinal(d.Nth))
}

func ordinal(n int) string {
	if n == 0 {
		return "*"
	}
	return strconv.Itoa(n)
}

// MarshalText writes d as text.
func (d Drop) MarshalText() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return []byte(d.String()), nil
}

var (
	errDrop      = errors.New("want CONNECTION:KIND:N, like 2:data:3 or *:syn:1")
	errDropOther = errors.New("what is not TCP has no connection and is not counted; want *:other:*")
)

// UnmarshalText reads what MarshalText wrote. On an error d stays as it was.
func (d *Drop) UnmarshalText(text []byte) error {
	fields := strings.Split(string(text), ":")
	if len(fields) != 3 {
		return misread("drop", text, errDrop)
	}
	kind, err := unmarshalWord(kindNames[:], fields[1])
	if err != nil {
		return misread("drop", text, err)
	}
	conn, ok := parseOrdinal(fields[0])
	nth, ok2 := parseOrdinal(fields[2])
	if !ok || !ok2 {
		return misread("drop", text, errDrop)
	}
	read := Drop{conn, Kind(kind), nth}
	if read.check() != nil { // numbers and kind are right
		return misread("drop", text, errDropOther)
	}
	*d = read
	return nil
}

func parseOrdinal(text string) (n int, ok bool) {
	if text == "*" {
		return 0, true
	}
	v, err := strconv.ParseUint(text, 10, 31)
	return int(v), err == nil && v > 0
}

// check returns an *Error if nothing can be named so.
func (d Drop) check() error {
	switch {
	case d.Conn < 0 || d.Nth < 0 || d.Kind >= NumKinds:
		return &Error{Field: "drop", Value: d.String(), Err: errDrop}
	case d.Kind == Other && (d.Conn > 0 || d.Nth > 0):
		return &Error{Field: "drop", Value: d.String(), Err: errDropOther}
	}
	return nil
}
