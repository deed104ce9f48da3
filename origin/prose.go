package origin

import (
	"fmt"
	"strings"
)

// prose writes what the sites' text is made of: sentences that read like
// sentences, and compress like them.
type prose struct{ dice }

var (
	subjects = strings.Split("the client|a server|every proxy|the browser|one connection|the handshake|a small object|the last segment|the window|a lost packet|the cache|an idle socket|the first byte|a long queue|the pipeline|our measurement", "|")
	verbs    = strings.Split("waits for|carries|closes|opens again|acknowledges|delays|keeps|measures|outruns|forgets|retries|shares|limits|reads|answers|explains", "|")
	objects  = strings.Split("the next request|a shorter path|its receive window|the whole page|two round trips|the name of the host|another attempt|the forty images|what was promised|a slow start|the end of the body|an early answer|the cost of a connection|the same port|its neighbours|half a second", "|")
	adverbs  = strings.Split("once more|in the end|without delay|before noon|as measured|under load|over a modem|at the edge|by design|in its own time|with care|to the byte", "|")
)

func (p *prose) sentence() string {
	s := fmt.Sprintf("%s %s %s", p.pick(subjects), p.pick(verbs), p.pick(objects))
	if p.roll(3) > 0 {
		s += " " + p.pick(adverbs)
	}
	if p.roll(3) == 0 {
		s += fmt.Sprintf(", and %s %s %s", p.pick(subjects), p.pick(verbs), p.pick(objects))
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// paragraph returns n sentences.
func (p *prose) paragraph(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = p.sentence()
	}
	return strings.Join(list, " ")
}

// title returns a few words in capitals as of a heading.
func (p *prose) title() string {
	s := p.pick(subjects) + " " + p.pick(adverbs)
	return strings.ToUpper(s[:1]) + s[1:]
}

// fillComment appends a comment between open and end so that s becomes exactly
// size bytes; s must leave room for both.
func fillComment(s, open, end string, size int) string {
	n := size - len(s) - len(open) - len(end)
	p := prose{dice(size)}
	text := ""
	for len(text) < n {
		text += p.sentence() + "\n"
	}
	return s + open + text[:n] + end
}
