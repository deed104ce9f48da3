package http1

import "testing"

// Each octet at each place of a run that is long enough for the search by eight
// and the search by one.
func TestNextControl(t *testing.T) {
	for _, filler := range []byte{' ', 'a', 0x7e, 0x80, 0xff} {
		b := make([]byte, 19)
		for at := range b {
			for octet := range 256 {
				for i := range b {
					b[i] = filler
				}
				b[at] = byte(octet)
				want := len(b)
				if octet < ' ' || octet == 0x7f {
					want = at
				}
				if got := nextControl(b, 0); got != want {
					t.Fatalf("%q: found at %d, want %d", b, got, want)
				}
				if got := nextControl(b, at+1); got != len(b) {
					t.Fatalf("%q from %d on: found at %d", b, at+1, got)
				}
			}
		}
	}
}

// Of two control octets the first must be found, whatever the octets between.
func TestNextControlFirst(t *testing.T) {
	for _, first := range []byte{0, '\n', 0x1f, 0x7f} {
		for octet := range 256 {
			b := []byte{'a', first, byte(octet), byte(octet), 0x7f, 0, 'a', 'a', 'a'}
			if got := nextControl(b, 0); got != 1 {
				t.Fatalf("%q: found at %d, want 1", b, got)
			}
		}
	}
}

func TestBodyKindString(t *testing.T) {
	for kind, want := range map[BodyKind]string{
		NoBody: "no body", Length: "length", Chunked: "chunked", UntilClose: "until close", 9: "BodyKind(9)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%d: %s, want %s", uint8(kind), got, want)
		}
	}
}
