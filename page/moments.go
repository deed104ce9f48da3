package page

import "time"

// Moments are when a person would notice something, counted from Page.Start.
// In JSON they are nanoseconds. A moment that never came is −1.
type Moments struct {
	// FirstByte is when the head of the document's final response was there.
	FirstByte time.Duration `json:"first_byte_ns"`

	// DocumentComplete is when the last byte of the document was there.
	DocumentComplete time.Duration `json:"document_complete_ns"`

	// LayoutKnown is when nothing could move any more: the document complete,
	// every render-blocking style sheet complete, and the size known of every
	// image that takes part in its layout (img, input type=image, video
	// poster), from its attributes or its first bytes. What failed, or ended
	// without telling its size, holds nothing up beyond its end. Images of
	// style sheets and frames take no part.
	LayoutKnown time.Duration `json:"layout_known_ns"`

	// FirstImage is when the first image was complete.
	FirstImage time.Duration `json:"first_image_ns"`

	// Complete is when the last object had ended, well or not. It never came
	// if the document failed or the context ended first.
	Complete time.Duration `json:"complete_ns"`
}

var never = Moments{FirstByte: -1, DocumentComplete: -1, LayoutKnown: -1, FirstImage: -1, Complete: -1}

// moments computes them from the recorded times of tasks that have all ended.
// The first task is the document; interrupted says that the context ended.
func moments(start time.Time, tasks []*task, interrupted bool) Moments {
	m := never
	since := func(t time.Time) time.Duration { return t.Sub(start) }
	for _, t := range tasks {
		if t.Kind == Image && t.whole() && (m.FirstImage < 0 || since(t.done) < m.FirstImage) {
			m.FirstImage = since(t.done)
		}
	}
	document := tasks[0]
	if !document.answered.IsZero() {
		m.FirstByte = since(document.answered)
	}
	if document.Err != nil {
		return m
	}
	m.DocumentComplete = since(document.done)
	if interrupted && anyFailed(tasks) {
		return m
	}
	markBlocking(tasks)
	m.LayoutKnown, m.Complete = m.DocumentComplete, m.DocumentComplete
	for _, t := range tasks {
		m.Complete = max(m.Complete, since(t.done))
		if t.blocking {
			m.LayoutKnown = max(m.LayoutKnown, since(t.done))
		}
		if t.measure {
			m.LayoutKnown = max(m.LayoutKnown, since(t.sizeKnown()))
		}
	}
	return m
}

func anyFailed(tasks []*task) bool {
	for _, t := range tasks {
		if t.Err != nil {
			return true
		}
	}
	return false
}

// markBlocking hands the mark on from sheets to what they import. It is done at
// the end because a sheet may turn out to block after its imports were found.
func markBlocking(tasks []*task) {
	var todo []*task
	for _, t := range tasks {
		if t.blocking {
			todo = append(todo, t)
		}
	}
	for len(todo) > 0 {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, i := range t.imports {
			if !i.blocking {
				i.blocking = true
				todo = append(todo, i)
			}
		}
	}
}
