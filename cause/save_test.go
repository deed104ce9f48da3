package cause

import "testing"

func TestLargerWindow(t *testing.T) {
	for _, test := range []struct{ initial, larger int64 }{
		{2 * 1448, 10 * 1448},
		{4 * 1448, 10 * 1448},
		{10 * 1448, 32 * 1448},
		{9*1448 + 1240, 32 * 1448}, // a write of 4096 bytes ended within it
		{10*1448 - 3*900, 32 * 1448},
		{20 * 1448, 32 * 1448},
	} {
		if got := largerWindow(test.initial, 1448); got != test.larger {
			t.Errorf("%d: %d, want %d", test.initial, got, test.larger)
		}
	}
}
