package http1

import "testing"

func TestHasToken(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"close"}, true},
		{[]string{"Close"}, true},
		{[]string{" \tclose\t "}, true},
		{[]string{"keep-alive, close"}, true},
		{[]string{"keep-alive,close,"}, true},
		{[]string{",, ,close"}, true},
		{[]string{"keep-alive", "upgrade, CLOSE"}, true},
		{[]string{"closed"}, false},
		{[]string{"clos"}, false},
		{[]string{"not close"}, false},
		{[]string{"close;q=1"}, false},
		{[]string{`"close"`}, false},
		{[]string{`a="b,close,c"`}, false},
		{[]string{`a="b\",close,c"`}, false},
		{[]string{`a="b\\",close`}, true},
		{[]string{`a="never ends, close`}, false},
		// U+017F folds to s, but not in ASCII.
		{[]string{"clo\u017fe"}, false},
	} {
		if got := HasToken(test.values, "close"); got != test.want {
			t.Errorf("HasToken(%q, close) = %t", test.values, got)
		}
	}
	// U+212A, the Kelvin sign, folds to k.
	if HasToken([]string{"chun\u212aed"}, "chunked") {
		t.Error("the Kelvin sign was taken for a k")
	}
}
