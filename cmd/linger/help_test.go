package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/pflag"
)

// notVerbs are first words that are no imperative, as far as a test can tell.
var notVerbs = regexp.MustCompile(`^(the|a|an|if|whether|this|it|sets?|number|name|file)\b`)

// TestHelp holds every help text to one form: an imperative without a full stop.
func TestHelp(t *testing.T) {
	for _, c := range commands() {
		first, _ := firstRune(c.short)
		if !unicode.IsUpper(first) || strings.HasSuffix(c.short, ".") {
			t.Errorf("%s: %q is not of the form of the others", c.name, c.short)
		}
		c.flags.VisitAll(func(f *pflag.Flag) {
			first, ok := firstRune(f.Usage)
			if !ok || !unicode.IsLower(first) || strings.HasSuffix(f.Usage, ".") || notVerbs.MatchString(f.Usage) {
				t.Errorf("%s --%s: %q is not an imperative in lower case without a full stop", c.name, f.Name, f.Usage)
			}
		})
		var out bytes.Buffer
		c.help(&out)
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > helpWidth {
				t.Errorf("%s: a help line of %d columns: %s", c.name, n, line)
			}
		}
	}
}

func firstRune(s string) (rune, bool) {
	for _, r := range s {
		return r, true
	}
	return 0, false
}
