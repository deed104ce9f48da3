package page

import "time"

// An Event tells Options.Progress that something happened to an object.
type Event struct {
	Kind   EventKind
	Object *Object

	// At is the time since the start of the page.
	At time.Duration

	// Bytes is how many bytes of the body came, before content decoding. Only
	// Received has it.
	Bytes int
}

// An EventKind says what happened.
type EventKind uint8

// What happens to an object, in this order. An object that cannot be requested
// has only Found and Done.
const (
	Found     EventKind = iota // a document or style sheet names it
	Requested                  // it is handed to the RoundTripper
	Answered                   // the head of its final response is there
	Received                   // a piece of its body is there
	Done                       // it is complete, or has failed
)

func (l *loader) tell(kind EventKind, o *Object, bytes int) {
	if l.Progress == nil {
		return
	}
	l.progressMu.Lock()
	defer l.progressMu.Unlock()
	l.Progress(Event{Kind: kind, Object: o, At: l.now().Sub(l.page.Start), Bytes: bytes})
}
