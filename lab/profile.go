package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lingerhttp/linger/link"
)

// A Profile describes a link as people speak of one: by its round trip and its
// rates. As JSON its values are texts, as on the command line.
type Profile struct {
	Name   string `json:"name"`
	About  string `json:"about,omitempty"`
	Source string `json:"source,omitempty"` // of its numbers

	RTT    Duration `json:"rtt"`             // there and back, half of it each way
	Jitter Duration `json:"jitter,omitzero"` // of each way, plus or minus

	Down link.Rate `json:"down,omitzero"` // 0 means no limit
	Up   link.Rate `json:"up,omitzero"`

	// Queue is that of each direction; its default is reckoned from the
	// direction's own rate.
	Queue link.Queue `json:"queue,omitzero"`

	// Of each direction.
	Loss      link.Probability `json:"loss,omitzero"`
	Burst     link.Burst       `json:"burst,omitzero"`
	Reorder   link.Probability `json:"reorder,omitzero"`
	Duplicate link.Probability `json:"duplicate,omitzero"`

	// Traces take the place of rates.
	TraceDown *link.Trace `json:"trace_down,omitempty"`
	TraceUp   *link.Trace `json:"trace_up,omitempty"`

	// Losses by name.
	DropDown []link.Drop `json:"drop_down,omitempty"`
	DropUp   []link.Drop `json:"drop_up,omitempty"`
}

// A Duration is a time.Duration whose text is "28ms".
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes what [time.Duration.String] does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [time.ParseDuration] does.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration: want one such as 28ms or 1.5s", text)
	}
	*d = Duration(v)
	return nil
}

// Links are the two directions of a profile.
func (p Profile) Links() (up, down link.Config) {
	up = link.Config{
		Delay: time.Duration(p.RTT) / 2, Jitter: time.Duration(p.Jitter), RTT: time.Duration(p.RTT),
		Queue: p.Queue, Loss: p.Loss, Burst: p.Burst, Reorder: p.Reorder, Duplicate: p.Duplicate,
	}
	down = up
	down.Delay = time.Duration(p.RTT) - up.Delay
	up.Rate, up.Trace, up.Drop = p.Up, p.TraceUp, p.DropUp
	down.Rate, down.Trace, down.Drop = p.Down, p.TraceDown, p.DropDown
	if up.Trace != nil {
		up.Rate = 0
	}
	if down.Trace != nil {
		down.Rate = 0
	}
	return up, down
}

// String is one line: "cable: rtt 28 ms, down 5mbit, up 1mbit".
func (p Profile) String() string { return p.Without() }

// Without is String without the parts of these names: those that are not the same
// in all that is spoken of.
func (p Profile) Without(names ...string) string {
	var parts []string
	add := func(name, value string, there bool) {
		if there && !slices.Contains(names, name) {
			parts = append(parts, name+" "+value)
		}
	}
	add("rtt", spaced(time.Duration(p.RTT)), true)
	add("jitter", spaced(time.Duration(p.Jitter)), p.Jitter != 0)
	add("down", p.Down.String(), p.TraceDown == nil)
	add("down by a trace of", meanOf(p.TraceDown), p.TraceDown != nil)
	add("up", p.Up.String(), p.TraceUp == nil)
	add("up by a trace of", meanOf(p.TraceUp), p.TraceUp != nil)
	add("queue", p.Queue.String(), p.Queue != link.Queue{})
	add("loss", p.Loss.String(), p.Loss != 0)
	add("burst", p.Burst.String(), p.Burst != link.Burst{})
	add("reorder", p.Reorder.String(), p.Reorder != 0)
	add("duplicate", p.Duplicate.String(), p.Duplicate != 0)
	for _, d := range p.DropDown {
		add("drop down", d.String(), true)
	}
	for _, d := range p.DropUp {
		add("drop up", d.String(), true)
	}
	text := strings.Join(parts, ", ")
	if p.Name == "" {
		return text
	}
	return p.Name + ": " + text
}

func meanOf(t *link.Trace) string {
	if t == nil {
		return ""
	}
	return t.Mean().String()
}

// spaced is a duration as prose has it: "28 ms".
func spaced(d time.Duration) string {
	text := d.String()
	i := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if unit := text[i:]; !strings.ContainsAny(unit, "0123456789") {
		return text[:i] + " " + unit
	}
	return text
}

// ReadProfile finds a profile by its name, or reads it from a file of JSON.
func ReadProfile(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return Profile{}, refused("no profile or file is called %q: the profiles are %s", name, strings.Join(names, ", "))
	}
	if err != nil {
		return Profile{}, refused("%w", err)
	}
	var p Profile
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Profile{}, refused("%s: %w", name, err)
	}
	if d.More() {
		return Profile{}, refused("%s: more than one object", name)
	}
	if p.Name == "" {
		p.Name = name
	}
	return p, nil
}
