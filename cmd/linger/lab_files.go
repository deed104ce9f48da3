package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/lingerhttp/linger/lab"
)

// The files that linger lab writes.

// A captureFile is that of --pcap; nil is none. What was in the file before stays
// there until the first packet comes, or the lab has run.
type captureFile struct {
	file    *os.File
	capture *lab.Capture // nil until then
	err     error        // of beginning it
}

func newCaptureFile(name string) (*captureFile, error) {
	file, err := create(name)
	if file == nil {
		return nil, err
	}
	return &captureFile{file: file}, nil
}

// tap is what the lab is to tell of each packet.
func (c *captureFile) tap() func(lab.Record) {
	if c == nil {
		return nil
	}
	return c.record
}

func (c *captureFile) record(r lab.Record) {
	if c.begin() {
		c.capture.Tap(r)
	}
}

// begin empties the file and begins the capture, unless it has.
func (c *captureFile) begin() bool {
	if c.capture == nil && c.err == nil {
		if c.err = emptied(c.file); c.err == nil {
			c.capture, c.err = lab.NewCapture(c.file)
		}
	}
	return c.err == nil
}

// close ends the capture of a lab that has run.
func (c *captureFile) close() error {
	if c == nil {
		return nil
	}
	if c.begin() {
		c.err = c.capture.Close()
	}
	return errors.Join(c.err, c.file.Close())
}

// discard closes the file of a lab that has not run.
func (c *captureFile) discard() error {
	if c == nil {
		return nil
	}
	return c.file.Close()
}

// A labResult is what --json writes.
type labResult struct {
	Link         string            `json:"link"`
	KernelClient map[string]string `json:"kernel_client"`
	KernelServer map[string]string `json:"kernel_server"`
	Certificate  lab.Certificate   `json:"certificate"`
	Notes        []string          `json:"notes"`
}

// write writes the result as JSON.
func (r labResult) write(w io.Writer) error {
	if r.Notes == nil {
		r.Notes = []string{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
