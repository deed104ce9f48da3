package origin

import (
	"errors"
	"flag"
	"strings"
	"testing"
	"time"
)

func TestParseFaults(t *testing.T) {
	for _, test := range []struct {
		text string
		want Faults
		back string // what String makes of it; empty if text itself
	}{
		{"think=50ms", Faults{ThinkTime: 50 * time.Millisecond}, ""},
		{"rate=100k", Faults{BytesPerSecond: 100000}, ""},
		{"rate=1500", Faults{BytesPerSecond: 1500}, ""},
		{"rate=2000k", Faults{BytesPerSecond: 2e6}, "rate=2M"},
		{"close-after=10", Faults{CloseAfter: 10}, ""},
		{" unannounced , close-after=10 ", Faults{CloseAfter: 10, Unannounced: true}, "close-after=10,unannounced"},
		{"max-conns=2", Faults{MaxConns: 2, Beyond: Refuse}, ""},
		{"max-conns=2,reset", Faults{MaxConns: 2, Beyond: Reset}, ""},
		{"http10,no-length", Faults{HTTP10: true, Framing: ByClose}, ""},
		{"chunked", Faults{Framing: ByChunks}, ""},
		{"path=/img/*,every=3,reset-body=1k", Faults{Path: "/img/*", Every: 3, Break: ResetBody, BreakAt: 1000}, ""},
		{"truncate", Faults{Break: Truncate}, ""},
		{"never-answer", Faults{Break: NeverAnswer}, ""},
		{"garbage", Faults{Break: Garbage}, ""},
		{"endless-head", Faults{Break: EndlessHead}, ""},
		{"redirect-loop", Faults{Break: RedirectLoop}, ""},
		{"think=1s,think=2s", Faults{ThinkTime: 2 * time.Second}, "think=2s"},
		{"truncate=5,truncate", Faults{Break: Truncate}, "truncate"},
		{"path=a=b", Faults{Path: "a=b"}, ""},
	} {
		f, err := ParseFaults(test.text)
		if err != nil || f != test.want {
			t.Errorf("%q: %+v, %v; want %+v", test.text, f, err, test.want)
		}
		if test.back == "" {
			test.back = test.text
		}
		if got := f.String(); got != test.back {
			t.Errorf("%q comes back as %q, want %q", test.text, got, test.back)
		}
	}
}

func TestParseFaultsFails(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "there are path, every, think",
		"thunk=1s":            `parse fault "thunk=1s": no such fault; there are`,
		"think":               "think=duration",
		"think=":              "think=duration",
		"think=5":             "like 50ms",
		"think=-1s":           "like 50ms",
		"close-after=0":       "from 1 up",
		"close-after=ten":     "from 1 up",
		"rate=0":              "like 1500",
		"rate=-1k":            "like 1500",
		"rate=1.5M":           "like 1500",
		"rate=9223372036855M": "like 1500",
		"http10=yes":          "takes no argument",
		"garbage=5":           "takes no argument",
		"garbage,truncate":    "already break in another way",
		"path=[":              "syntax error in pattern",
		"http10,,chunked":     "no such fault",
	} {
		f := Faults{CloseAfter: 7}
		err := f.Set(text)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if f != (Faults{CloseAfter: 7}) {
			t.Errorf("%q failed and changed the faults to %+v", text, f)
		}
	}
}

// Every field can be ordered in words, and each order is a flag.
func TestFaultsAreFlags(t *testing.T) {
	var f Faults
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.Var(&f, "fault", "")
	if err := flags.Parse([]string{"-fault", "close-after=3", "-fault", "max-conns=2,reset"}); err != nil {
		t.Fatal(err)
	}
	if f != (Faults{CloseAfter: 3, MaxConns: 2, Beyond: Reset}) {
		t.Errorf("%+v", f)
	}
}

// Help is imperative, begins small, and has no full stop; no name stands twice.
func TestFaultHelp(t *testing.T) {
	seen := make(map[string]bool)
	for _, w := range FaultHelp() {
		if w.Help == "" || w.Help[0] < 'a' || w.Help[0] > 'z' || strings.HasSuffix(w.Help, ".") {
			t.Errorf("%s: %q", w.Name, w.Help)
		}
		if seen[w.Name] || strings.ContainsAny(w.Name, ",= ") {
			t.Errorf("%q cannot be told from others", w.Name)
		}
		seen[w.Name] = true
	}
}

// What is parsed prints in words that parse to the same.
func FuzzFaultsSet(f *testing.F) {
	for _, w := range FaultHelp() {
		f.Add(w.Name)
		f.Add(w.Name + "=5")
		f.Add(w.Name + "=5ms")
	}
	f.Add("path=/img/*.png,max-conns=2,reset,rate=10G,think=1.5h")
	f.Fuzz(func(t *testing.T, text string) {
		one, err := ParseFaults(text)
		if err != nil {
			if one != (Faults{}) {
				t.Errorf("%q failed with %+v", text, one)
			}
			return
		}
		if one == (Faults{}) {
			t.Errorf("%q orders nothing", text)
		}
		two, err := ParseFaults(one.String())
		if err != nil || one != two {
			t.Errorf("%q is %+v, which prints as %q, which is %+v, %v", text, one, one.String(), two, err)
		}
	})
}

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		faults string
		path   string
		nth    int64
		kth    int64
		want   plan
	}{
		{"think=1s,rate=5", "/", 1, 1, plan{think: time.Second, rate: 5}},
		{"think=1s,path=/a", "/", 1, 0, plan{}},
		{"think=1s,path=/a", "/a", 1, 1, plan{think: time.Second}},
		{"close-after=2", "/", 1, 1, plan{}},
		{"close-after=2", "/", 2, 2, plan{ending: announce}},
		{"close-after=2,path=/a", "/", 2, 0, plan{ending: announce}},
		{"close-after=2,unannounced", "/", 2, 2, plan{ending: silent}},
		{"close-after=2,http10", "/", 2, 2, plan{http10: true}},
		{"chunked", "/", 1, 1, plan{framing: ByChunks}},
		{"chunked,http10", "/", 1, 1, plan{framing: ByClose, http10: true}},
		{"garbage,every=3,think=1s", "/", 1, 2, plan{think: time.Second}},
		{"garbage,every=3,think=1s", "/", 1, 3, plan{think: time.Second, breaks: Garbage}},
		{"garbage,every=1", "/", 1, 1, plan{breaks: Garbage}},
		{"truncate=9", "/", 1, 1, plan{breaks: Truncate, breakAt: 9}},
	} {
		f, err := ParseFaults(test.faults)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.plan(test.path, test.nth, test.kth); got != test.want {
			t.Errorf("%s on %s, %d, %d: %+v, want %+v", test.faults, test.path, test.nth, test.kth, got, test.want)
		}
	}
	if got := (Faults{Path: "[", ThinkTime: 1}).plan("[", 1, 1); got != (plan{}) {
		t.Errorf("a malformed pattern matches: %+v", got)
	}
}
