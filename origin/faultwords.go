package origin

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// A FaultWord is one word in which faults are ordered, for help texts.
type FaultWord struct {
	Name     string // "think"
	Argument string // what stands after "=": "duration"; empty if nothing; in brackets if it may be left out
	Help     string // what it does: imperative, no full stop
}

// FaultHelp returns the words that [Faults.Set] knows.
func FaultHelp() []FaultWord {
	list := make([]FaultWord, len(words))
	for i, w := range words {
		list[i] = w.FaultWord
	}
	return list
}

// ParseFaults is [Faults.Set] on no faults.
func ParseFaults(text string) (Faults, error) {
	var f Faults
	err := f.Set(text)
	return f, err
}

// Set adds the faults that text orders:
//
//	text  = word *( "," word )
//	word  = name [ "=" argument ]
//
// such as "think=50ms,max-conns=2,reset". [FaultHelp] lists the names. A later
// word replaces an earlier one of the same name. Sizes and rates are in bytes
// and may end in k, M or G for thousands, millions and milliards; a path cannot
// hold a comma. On an error, which is an [*Error] that names the allowed words
// or arguments, f stays as it was.
//
// Faults are a flag.Value by Set and String.
func (f *Faults) Set(text string) error {
	g := *f
	for field := range strings.SplitSeq(text, ",") {
		if err := g.order(strings.TrimSpace(field)); err != nil {
			return failed("parse fault", strconv.Quote(field), err)
		}
	}
	*f = g
	return nil
}

// order adds what one word says.
func (f *Faults) order(field string) error {
	name, arg, given := strings.Cut(field, "=")
	for _, w := range words {
		if w.Name != name {
			continue
		}
		switch {
		case w.Argument == "" && given:
			return fmt.Errorf("%s takes no argument", name)
		case w.Argument != "" && !strings.HasPrefix(w.Argument, "[") && arg == "":
			return fmt.Errorf("needs an argument: %s=%s", name, w.Argument)
		}
		return w.set(f, arg)
	}
	return fmt.Errorf("no such fault; there are %s", wordList())
}

func wordList() string {
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = w.Name
	}
	return strings.Join(names, ", ")
}

// String returns the words that order f; Set reads them back.
func (f *Faults) String() string {
	var fields []string
	for _, w := range words {
		arg, ordered := w.get(f)
		switch {
		case !ordered:
		case arg == "":
			fields = append(fields, w.Name)
		default:
			fields = append(fields, w.Name+"="+arg)
		}
	}
	return strings.Join(fields, ",")
}

// Type names the kind of value, as flag packages print it.
func (*Faults) Type() string { return "fault" }

// A word is said once: parsing, printing and help are all made of it.
type word struct {
	FaultWord
	set func(f *Faults, arg string) error
	get func(f *Faults) (arg string, ordered bool)
}

var words = []word{
	{
		FaultWord{"path", "pattern", "let answers fail only on paths like /img/*.png"},
		func(f *Faults, arg string) error {
			if _, err := path.Match(arg, ""); err != nil {
				return err
			}
			f.Path = arg
			return nil
		},
		func(f *Faults) (string, bool) { return f.Path, f.Path != "" },
	},
	counted("every", "break only each n-th answer", func(f *Faults) *int { return &f.Every }),
	timed("think", "wait before each answer", func(f *Faults) *time.Duration { return &f.ThinkTime }),
	sized("rate", "write each body at so many bytes per second", func(f *Faults) *int64 { return &f.BytesPerSecond }),
	counted("close-after", "close connections after n answers and say so in the last", func(f *Faults) *int { return &f.CloseAfter }),
	plain("unannounced", "close after n answers without saying so", func(f *Faults) *bool { return &f.Unannounced }),
	plain("http10", "answer as an HTTP/1.0 server", func(f *Faults) *bool { return &f.HTTP10 }),
	counted("max-conns", "allow each client n connections and refuse the others", func(f *Faults) *int { return &f.MaxConns }),
	chosen("reset", "reset connections beyond max-conns instead of refusing them", Reset, func(f *Faults) *Beyond { return &f.Beyond }),
	chosen("no-length", "end bodies by closing the connection", ByClose, func(f *Faults) *Framing { return &f.Framing }),
	chosen("chunked", "send bodies in chunks, without a length", ByChunks, func(f *Faults) *Framing { return &f.Framing }),
	breaking("reset-body", "[bytes]", "reset the connection after so many bytes of body, or half", ResetBody),
	breaking("truncate", "[bytes]", "close the connection after so many bytes of body, or half", Truncate),
	breaking("never-answer", "", "read the request and never answer", NeverAnswer),
	breaking("garbage", "", "answer with something that is not HTTP", Garbage),
	breaking("endless-head", "", "answer with a head that never ends", EndlessHead),
	breaking("redirect-loop", "", "redirect each request to itself", RedirectLoop),
}

func counted(name, help string, field func(*Faults) *int) word {
	return word{
		FaultWord{name, "n", help},
		func(f *Faults, arg string) error {
			n, err := strconv.Atoi(arg)
			if err != nil || n < 1 {
				return errors.New("needs a whole number from 1 up")
			}
			*field(f) = n
			return nil
		},
		func(f *Faults) (string, bool) { return strconv.Itoa(*field(f)), *field(f) > 0 },
	}
}

func timed(name, help string, field func(*Faults) *time.Duration) word {
	return word{
		FaultWord{name, "duration", help},
		func(f *Faults, arg string) error {
			d, err := time.ParseDuration(arg)
			if err != nil || d <= 0 {
				return errors.New("needs a duration like 50ms or 2s")
			}
			*field(f) = d
			return nil
		},
		func(f *Faults) (string, bool) { return field(f).String(), *field(f) > 0 },
	}
}

func sized(name, help string, field func(*Faults) *int64) word {
	return word{
		FaultWord{name, "bytes", help},
		func(f *Faults, arg string) error { return setSize(field(f), arg) },
		func(f *Faults) (string, bool) { return formatSize(*field(f)), *field(f) > 0 },
	}
}

func plain(name, help string, field func(*Faults) *bool) word {
	return chosen(name, help, true, field)
}

// chosen is a word without argument that sets a field to one of its values.
func chosen[T comparable](name, help string, value T, field func(*Faults) *T) word {
	return word{
		FaultWord{name, "", help},
		func(f *Faults, _ string) error { *field(f) = value; return nil },
		func(f *Faults) (string, bool) { return "", *field(f) == value },
	}
}

// breaking is a word for a break. An answer breaks in one way only.
func breaking(name, argument, help string, b Break) word {
	return word{
		FaultWord{name, argument, help},
		func(f *Faults, arg string) error {
			if f.Break != None && f.Break != b {
				return errors.New("answers already break in another way")
			}
			f.Break, f.BreakAt = b, 0
			if arg == "" {
				return nil
			}
			return setSize(&f.BreakAt, arg)
		},
		func(f *Faults) (string, bool) {
			if f.BreakAt > 0 && argument != "" {
				return formatSize(f.BreakAt), f.Break == b
			}
			return "", f.Break == b
		},
	}
}

// units of size, the largest first.
var units = []struct {
	letter string
	bytes  int64
}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}, {"", 1}}

func setSize(field *int64, arg string) error {
	for _, u := range units {
		digits, ok := strings.CutSuffix(arg, u.letter)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 1 || n > (1<<63-1)/u.bytes {
			break
		}
		*field = n * u.bytes
		return nil
	}
	return errors.New("needs a number of bytes like 1500, 100k or 2M")
}

// formatSize writes n in the largest unit that it is a multiple of.
func formatSize(n int64) string {
	for _, u := range units {
		if n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.letter
		}
	}
	return "" // not reached: every number is a multiple of 1
}
