package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// reportOf makes of a page what is reported of it.
func reportOf(p *page.Page, strategy string) report.Page {
	r := report.Page{
		URL:      cmp.Or(p.URL, p.Objects[0].URL),
		Strategy: strategy,
		Start:    p.Start,
		Moments:  report.Moments(p.Moments),
		Summary:  timeline.Sum(p.Exchanges()),
		Version:  version(),
	}
	for _, o := range p.Objects {
		r.Entries = append(r.Entries, entriesOf(o)...)
		if o.Err != nil {
			r.Failures = append(r.Failures, failureOf(o))
		}
	}
	slices.SortStableFunc(r.Entries, func(a, b report.Entry) int { return a.Start.Compare(b.Start) })
	return r
}

// entriesOf makes an entry of each exchange of an object. What is known of its
// content belongs to the last.
func entriesOf(o *page.Object) []report.Entry {
	var entries []report.Entry
	for i, hop := range o.Hops {
		if hop.Exchange == nil {
			continue
		}
		entry := report.Entry{
			Exchange:       hop.Exchange,
			Kind:           o.Kind.String(),
			FoundIn:        o.FoundIn,
			Location:       hop.Location,
			RequestHeader:  hop.Request,
			ResponseHeader: hop.Response,
			ContentType:    hop.Response.Get("Content-Type"),
		}
		if i == len(o.Hops)-1 {
			entry.Size = o.Size
		}
		entries = append(entries, entry)
	}
	return entries
}

// failureOf says in one line what became of an object.
func failureOf(o *page.Object) report.Failure {
	f := report.Failure{URL: o.URL, Error: o.Err.Error(), Hint: hintOf(o.Err)}
	var byPage *page.Error
	if errors.As(o.Err, &byPage) {
		f.Step, f.Error = string(byPage.Step), fmt.Sprintf("%s: %v", byPage.Step, byPage.Err)
	}
	var byLinger *linger.Error
	if errors.As(o.Err, &byLinger) {
		f.Step, f.Error = byLinger.Step.String(), byLinger.Error()
	}
	return f
}
