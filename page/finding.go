package page

import "net/url"

// A finding is what a finder yields: something that a document or a style sheet
// names.
type finding struct {
	url  *url.URL // nil if err is not
	name string   // as it stands there, shortened, if err is not nil
	err  error    // why it is no URL that could be fetched

	by      string
	kind    Kind
	urgency int

	// blocks says that rendering waits for it, if it waits for what names it.
	blocks bool

	// layout says that its size moves what is around it; width and height are
	// those that the element states, 0 where it does not.
	layout        bool
	width, height int
}

func (f *finding) address() string {
	if f.err != nil {
		return f.name
	}
	return printable(f.url)
}

// at resolves ref and yields the finding for it, unless there is nothing to
// fetch.
func (f finding) at(base *url.URL, ref string, found func(finding)) {
	u, err := resolve(base, ref)
	if u == nil && err == nil {
		return
	}
	if f.url, f.err = u, err; err != nil {
		f.url, f.name = nil, shorten(oneLine(ref))
	}
	found(f)
}
