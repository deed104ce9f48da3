package main

import (
	"encoding/json"
	"errors"
	"os"

	"github.com/lingerhttp/linger/lab"
)

// The files that linger lab writes.

// A captureFile is that of --pcap; nil is none.
type captureFile struct {
	file    *os.File
	capture *lab.Capture
}

func newCaptureFile(name string) (*captureFile, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	capture, err := lab.NewCapture(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &captureFile{file, capture}, nil
}

// tap is what the lab is to tell of each packet.
func (c *captureFile) tap() func(lab.Record) {
	if c == nil {
		return nil
	}
	return c.capture.Tap
}

func (c *captureFile) close() error {
	if c == nil {
		return nil
	}
	return errors.Join(c.capture.Close(), c.file.Close())
}

// discard takes a file away that nothing was written to. What is no ordinary file
// stays.
func (c *captureFile) discard() error {
	if c == nil {
		return nil
	}
	info, err := c.file.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = os.Remove(c.file.Name())
	}
	return errors.Join(err, c.file.Close())
}

// A labResult is what --json writes.
type labResult struct {
	Link         string            `json:"link"`
	KernelClient map[string]string `json:"kernel_client"`
	KernelServer map[string]string `json:"kernel_server"`
	Certificate  lab.Certificate   `json:"certificate"`
	Notes        []string          `json:"notes"`
}

func (r labResult) write(file string) error {
	if file == "" {
		return nil
	}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o666)
}
