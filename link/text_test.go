package link

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// A text is what all settings are that can be given as text.
type text interface {
	fmt.Stringer
	encoding.TextMarshaler
}

// read reads text as a T.
func read[T text](s string) (T, error) {
	v := new(T)
	err := any(v).(encoding.TextUnmarshaler).UnmarshalText([]byte(s))
	return *v, err
}

// wantText reads s, and wants that value, and back as text that is read as the
// same again.
func wantText[T text](t *testing.T, s string, want T, back string) {
	t.Helper()
	got, err := read[T](s)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q: %#v, %v; want %#v", s, got, err, want)
		return
	}
	wantBack(t, got, back)
}

func wantBack[T text](t *testing.T, v T, back string) {
	t.Helper()
	b, err := v.MarshalText()
	if string(b) != back || err != nil || v.String() != back {
		t.Errorf("%#v: text %q (%v), string %q, want %q", v, b, err, v.String(), back)
	}
	if again, err := read[T](back); err != nil || !reflect.DeepEqual(again, v) {
		t.Errorf("%#v, written as %q, is read as %#v, %v", v, back, again, err)
	}
}

func TestRateText(t *testing.T) {
	for s, test := range map[string]struct {
		want Rate
		back string
	}{
		"28.8kbit":                 {28_800, "28.8kbit"},
		"20mbit":                   {20_000_000, "20mbit"},
		"1gbit":                    {1e9, "1gbit"},
		"20Mbit/s":                 {20_000_000, "20mbit"},
		"20 Mbit/s":                {20_000_000, "20mbit"},
		"1000kbit":                 {1e6, "1mbit"},
		"1bit":                     {1, "1bit"},
		"0.001kbit":                {1, "1bit"},
		".5mbit":                   {500_000, "500kbit"},
		"1.234567890gbit":          {1_234_567_890, "1.23456789gbit"},
		"100gbit":                  {1e11, "100gbit"},
		"9223372.036854775807tbit": {9_223_372_036_854_775_807, "9223372.036854775807tbit"},
		"unlimited":                {0, "unlimited"},
	} {
		wantText(t, s, test.want, test.back)
	}
}

func TestProbabilityText(t *testing.T) {
	for s, test := range map[string]struct {
		want Probability
		back string
	}{
		"1%":       {0.01, "1%"},
		"0.01":     {0.01, "1%"},
		"0.5 %":    {0.005, "0.5%"},
		"7%":       {0.07, "7%"},
		"0":        {0, "0%"},
		"0%":       {0, "0%"},
		"1":        {1, "100%"},
		"100%":     {1, "100%"},
		"1.0":      {1, "100%"},
		".25":      {0.25, "25%"},
		"0.00001%": {1e-7, "0.00001%"},
		"33.3%":    {0.333, "33.3%"},
	} {
		wantText(t, s, test.want, test.back)
	}
}

func TestQueueText(t *testing.T) {
	for s, test := range map[string]struct {
		want Queue
		back string
	}{
		"default": {Queue{}, "default"},
		"64":      {Queue{Packets: 64}, "64"},
		"100kB":   {Queue{Bytes: 100_000}, "100kB"},
		"100KB":   {Queue{Bytes: 100_000}, "100kB"},
		"64KiB":   {Queue{Bytes: 65536}, "64KiB"},
		"1.5 MiB": {Queue{Bytes: 1_572_864}, "1536KiB"},
		"1500B":   {Queue{Bytes: 1500}, "1500B"},
		"2GB":     {Queue{Bytes: 2e9}, "2GB"},
		"codel":   {Queue{CoDel: true}, "codel"},
		"codel,target=5ms,interval=100ms,limit=1000": {Queue{CoDel: true, Target: 5 * ms, Interval: 100 * ms, Packets: 1000}, "codel,target=5ms,interval=100ms,limit=1000"},
		"codel,limit=1MB,target=1.5ms":               {Queue{CoDel: true, Target: 1500 * us, Bytes: 1e6}, "codel,target=1.5ms,limit=1MB"},
	} {
		wantText(t, s, test.want, test.back)
	}
}

func TestBurstText(t *testing.T) {
	for s, test := range map[string]struct {
		want Burst
		back string
	}{
		"none":                         {Burst{}, "none"},
		"p=1%,r=30%,bad=100%,good=0%":  {Burst{0.01, 0.3, 1, 0}, "p=1%,r=30%,bad=100%"},
		"p=1%,r=30%":                   {Burst{0.01, 0.3, 0, 0}, "p=1%,r=30%"},
		"good=0.1%,bad=0.9,r=1,p=0.05": {Burst{0.05, 1, 0.9, 0.001}, "p=5%,r=100%,bad=90%,good=0.1%"},
		"p=1%,r=0":                     {Burst{P: 0.01}, "p=1%,r=0%"},
	} {
		wantText(t, s, test.want, test.back)
	}
}

func TestDropText(t *testing.T) {
	for s, test := range map[string]struct {
		want Drop
		back string
	}{
		"2:data:3":   {Drop{2, Data, 3}, "2:data:3"},
		"*:SYN:1":    {Drop{0, SYN, 1}, "*:syn:1"},
		"1:synack:*": {Drop{1, SYNACK, 0}, "1:synack:*"},
		"*:other:*":  {Drop{}, "*:other:*"},
	} {
		wantText(t, s, test.want, test.back)
	}
}

func TestWords(t *testing.T) {
	for k := range NumKinds {
		wantBack(t, k, kindNames[k])
	}
	for r := range NumReasons {
		wantBack(t, r, reasonNames[r])
	}
}

func TestRateTextFails(t *testing.T) {
	wantFails[Rate](t, map[string]string{
		"0mbit":        `a rate of zero lets nothing through; leave it out for no limit`,
		"0":            `a rate of zero lets nothing through; leave it out for no limit`,
		"":             `want a rate like 28.8kbit, 20mbit or 1gbit`,
		"fast":         `want a rate like 28.8kbit, 20mbit or 1gbit`,
		"1000":         `want a rate like 28.8kbit, 20mbit or 1gbit`,
		"-1mbit":       `want a rate like 28.8kbit, 20mbit or 1gbit`,
		"20mbps":       `want a rate like 28.8kbit, 20mbit or 1gbit`,
		"1.5bit":       `want a rate like 28.8kbit, 20mbit or 1gbit`,
		"1e3mbit":      `want a rate like 28.8kbit, 20mbit or 1gbit`,
		"10000000tbit": `want a rate like 28.8kbit, 20mbit or 1gbit`,
		"1..5mbit":     `want a rate like 28.8kbit, 20mbit or 1gbit`,
	})
}

func TestProbabilityTextFails(t *testing.T) {
	wantFails[Probability](t, map[string]string{
		"2":      `want 0 to 1, or 0 % to 100 %`,
		"101%":   `want 0 to 1, or 0 % to 100 %`,
		"-1%":    `want 0 to 1, or 0 % to 100 %`,
		"":       `want 0 to 1, or 0 % to 100 %`,
		"%":      `want 0 to 1, or 0 % to 100 %`,
		"NaN":    `want 0 to 1, or 0 % to 100 %`,
		"0x1p-2": `want 0 to 1, or 0 % to 100 %`,
		"1.":     `want 0 to 1, or 0 % to 100 %`,
	})
}

func TestQueueTextFails(t *testing.T) {
	wantFails[Queue](t, map[string]string{
		"0":                 `want a limit like 64 (packets), 100kB or 64KiB, or codel,target=5ms,interval=100ms,limit=1000`,
		"":                  `want a limit like 64 (packets), 100kB or 64KiB, or codel,target=5ms,interval=100ms,limit=1000`,
		"5 apples":          `want a limit like 64 (packets), 100kB or 64KiB, or codel,target=5ms,interval=100ms,limit=1000`,
		"0.1B":              `want a limit like 64 (packets), 100kB or 64KiB, or codel,target=5ms,interval=100ms,limit=1000`,
		"red":               `want a limit like 64 (packets), 100kB or 64KiB, or codel,target=5ms,interval=100ms,limit=1000`,
		"codel,ecn":         `want a limit like 64 (packets), 100kB or 64KiB, or codel,target=5ms,interval=100ms,limit=1000`,
		"codel,target=5":    `want a duration like 5ms or 100ms`,
		"codel,interval=0s": `want a duration like 5ms or 100ms`,
		"codel,target=2m":   `want target and interval from 0 to 1m0s`,
	})
}

func TestBurstTextFails(t *testing.T) {
	wantFails[Burst](t, map[string]string{
		"":                `want p=1%,r=30% and perhaps bad=100%,good=0%`,
		"p=1%":            `want p=1%,r=30% and perhaps bad=100%,good=0%`,
		"p=1%,p=2%,r=1%":  `want p=1%,r=30% and perhaps bad=100%,good=0%`,
		"p=1%,r=2":        `r "2": want 0 to 1, or 0 % to 100 %`,
		"p=0%,r=1":        `a good state that never turns bad makes no bursts`,
		"p=1%,r=1%,bad=0": `a bad state that loses nothing makes no bursts`,
	})
}

func TestDropTextFails(t *testing.T) {
	wantFails[Drop](t, map[string]string{
		"":          `want CONNECTION:KIND:N, like 2:data:3 or *:syn:1`,
		"2:data":    `want CONNECTION:KIND:N, like 2:data:3 or *:syn:1`,
		"0:data:3":  `want CONNECTION:KIND:N, like 2:data:3 or *:syn:1`,
		"2:data:-3": `want CONNECTION:KIND:N, like 2:data:3 or *:syn:1`,
		"2:date:3":  `want other, syn, synack, data, ack, fin or rst`,
		"1:other:*": `what is not TCP has no connection and is not counted; want *:other:*`,
		"*:other:2": `what is not TCP has no connection and is not counted; want *:other:*`,
	})
}

func TestKindTextFails(t *testing.T) {
	wantFails[Kind](t, map[string]string{
		"psh": `want other, syn, synack, data, ack, fin or rst`,
	})
}

func TestReasonTextFails(t *testing.T) {
	wantFails[Reason](t, map[string]string{
		"": `want arrived, tail, codel, named, burst or lost`,
	})
}

// wantFails wants each text to be no T, for that reason, and what it is read into
// not to change.
func wantFails[T text](t *testing.T, why map[string]string) {
	t.Helper()
	field := strings.ToLower(reflect.TypeFor[T]().Name())
	for s, want := range why {
		var before T
		v, err := read[T](s)
		wantError(t, err, field+" "+strconv.Quote(s)+": "+want)
		if !reflect.DeepEqual(v, before) {
			t.Errorf("%q was read as %v", s, v)
		}
	}
}

// TestUnwritable: what cannot be is not written.
func TestUnwritable(t *testing.T) {
	for want, v := range map[string]text{
		"rate -1bit: want more than 0; leave it out for no limit":           Rate(-1),
		"probability 1.5: want 0 to 1, or 0 % to 100 %":                     Probability(1.5),
		"queue -1: want more than 0":                                        Queue{Packets: -1},
		"burst p 0: a good state that never turns bad makes no bursts":      Burst{Good: 0.1},
		"drop -1:other:*: want CONNECTION:KIND:N, like 2:data:3 or *:syn:1": Drop{Conn: -1},
		"kind 7: has no name":                                               NumKinds,
		"reason 6: has no name":                                             NumReasons,
		"trace: has no opportunities":                                       new(Trace),
	} {
		_, err := v.MarshalText()
		wantError(t, err, want)
	}
	for got, want := range map[string]string{
		NumKinds.String(): "kind(7)", NumReasons.String(): "reason(6)", new(Trace).String(): "no opportunities",
		Probability(-1).String(): "-1", Rate(-1).String(): "-1bit",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestJSON: a whole configuration can be recorded and read again.
func TestJSON(t *testing.T) {
	for _, c := range []Config{
		{},
		{
			Delay: 10 * ms, Jitter: 1 * ms, Rate: 28_800, Queue: Queue{Bytes: 5000}, RTT: 1 * ms, Loss: 0.07,
			Burst: Burst{P: 0.1, R: 0.2}, Drop: []Drop{{1, Data, 3}}, Reorder: 0.1, ReorderBy: 2 * ms, Duplicate: 1,
		},
		{Trace: &Trace{[]uint32{1, 2, 2, 7}}, Queue: Queue{CoDel: true}},
	} {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again Config
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s comes back as %+v, %v", b, again, err)
		}
	}
}
