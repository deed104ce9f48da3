package grade

import (
	"reflect"
	"testing"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
)

// TestDraw draws what can be played, and the same again.
func TestDraw(t *testing.T) {
	for _, s := range Scenarios(7, 5*len(themes)) {
		up, down := s.links()
		if err := (lab.Config{Up: up, Down: down, Client: s.Client, Server: s.Server}).Check(); err != nil {
			t.Errorf("%v: %v", &s, err)
		}
		if _, err := linger.StrategyNamed(s.Strategy); err != nil {
			t.Error(err)
		}
		if again := Draw(7, s.Number); !reflect.DeepEqual(s, again) {
			t.Errorf("%v is drawn as %v", &s, &again)
		}
		if len(s.Plans) < fewest || s.estimate() > 2*mostTime {
			t.Errorf("%v: %d exchanges, about %v", &s, len(s.Plans), s.estimate())
		}
		for _, p := range s.Plans {
			if p.Size > largest || p.Upload > largest || p.Size < 200 {
				t.Errorf("%v: size %d, upload %d", &s, p.Size, p.Upload)
			}
		}
	}
}

// TestRemedied changes what the remedy is, and never where chance decides.
func TestRemedied(t *testing.T) {
	changed := make(map[string]int)
	for _, s := range Scenarios(7, 100) {
		for _, r := range Remedies() {
			with, ok := s.Remedied(r)
			if ok && s.Loss > 0 {
				t.Errorf("%s for %v", RemedyName(r), &s)
			}
			if ok {
				changed[RemedyName(r)]++
			}
			if same := reflect.DeepEqual(s, with); ok && same != (r == Nothing) {
				t.Errorf("%s makes %v of %v", RemedyName(r), &with, &s)
			}
		}
	}
	for _, r := range Remedies() {
		if changed[RemedyName(r)] == 0 {
			t.Errorf("%s fits none of 100 scenarios", RemedyName(r))
		}
	}
}
