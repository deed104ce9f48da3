package page

import (
	"fmt"
	"net/http"

	"github.com/lingerhttp/linger/timeline"
)

// An Object is one thing of a page: the document, or what it or one of its
// style sheets names. While Load runs it belongs to the goroutine that loads
// it; afterwards nobody changes it.
type Object struct {
	// URL is the address as it was named, made absolute, without fragment
	// and password. An object that was named twice is there once.
	URL string

	// FoundIn is the URL of the object that names it first, By how:
	// "img srcset", "@import". Both are empty for the document.
	FoundIn string
	By      string

	Kind Kind

	// Hops are the exchanges it took: the redirects, then the last.
	Hops []Hop

	// Status, ContentType and Encoding are those of the last response;
	// Status is 0 if there was none. A status of 4xx or 5xx is an answer: it
	// is no Err.
	Status      int
	ContentType string
	Encoding    string // Content-Encoding, "" if none

	// Size is the length of the content in bytes, after decoding.
	Size int64

	// Width and Height are an image's size in pixels, as its first bytes
	// say, else as the attributes of the element that names it do; 0 if
	// neither does.
	Width, Height int

	// Err is an *Error that says why the object is not there or not whole.
	Err error
}

// A Hop is one exchange of an object: a redirect or the last.
type Hop struct {
	// Exchange is nil until the exchange has ended.
	Exchange *timeline.Exchange

	// Request and Response are the header fields; Response is nil if none
	// came.
	Request, Response http.Header

	// Location is where a redirect leads, made absolute; "" if it is none.
	Location string
}

// A Kind says what an object is for. It comes from how the object is named,
// not from its content.
type Kind uint8

// The kinds of objects.
const (
	Document Kind = iota
	Style
	Script
	Image
	Font
	Frame
	Media
	Icon
	Other
	numKinds
)

var kindNames = [...]string{"document", "style", "script", "image", "font", "frame", "media", "icon", "other"}

// String returns the kind's word, in lower case.
func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// MarshalText writes the kind as its word.
func (k Kind) MarshalText() ([]byte, error) {
	if k >= numKinds {
		return nil, fmt.Errorf("page: no kind has the number %d", uint8(k))
	}
	return []byte(kindNames[k]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("page: no kind is called %q", text)
}
