package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/lab"
)

// A transcript is a command in a document, and what is printed under it.
type transcript struct {
	file, command string
	lines         []string
}

var commandLine = regexp.MustCompile(`^\$ (?:go run \./cmd/linger|linger) (.*)$`)

// transcripts finds the `$ linger …` blocks of a document.
func transcripts(file, text string) []transcript {
	var found []transcript
	for i, block := range strings.Split(text, "```") {
		lines := strings.Split(strings.Trim(block, "\n"), "\n")
		if m := commandLine.FindStringSubmatch(lines[0]); i%2 == 1 && m != nil {
			found = append(found, transcript{file, m[1], lines[1:]})
		}
	}
	return found
}

// shape is what of a line does not depend on the run: its words that hold no
// figures, bars or marks.
func shape(line string) string {
	var words []string
	for _, w := range strings.Fields(line) {
		if !strings.ContainsAny(w, "0123456789█▉▊▋▌▍▎▏%~<") {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// table is the part of an output before its last paragraph, which is prose and
// says something else in each run.
func table(lines []string) (shapes []string, prose bool) {
	for i, line := range lines {
		if line == "" && i > 0 {
			return shapes, i < len(lines)-1
		}
		shapes = append(shapes, shape(line))
	}
	return shapes, false
}

// TestTranscripts runs every command that README and docs show, and holds what
// it prints against what they say, as far as it is the same in each run.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range transcripts(file, string(text)) {
			n++
			tr.run(t)
		}
	}
	if n == 0 {
		t.Error("no transcript was found: README should have one")
	}
}

// needsLab reports whether a command makes a network.
func (tr transcript) needsLab() bool {
	if strings.Contains(tr.command, "--profile none") {
		return false
	}
	return strings.HasPrefix(tr.command, "lab ") && tr.command != "lab profiles" ||
		strings.HasPrefix(tr.command, "compare") || strings.HasPrefix(tr.command, "explain --")
}

func (tr transcript) run(t *testing.T) {
	if err := lab.Available(); err != nil && tr.needsLab() {
		t.Logf("%s: linger %s is not run: %v", tr.file, tr.command, err)
		return
	}
	var out, errs bytes.Buffer
	e := &env{stdout: &out, stderr: &errs, now: time.Now}
	if code := run(context.Background(), e, strings.Fields(tr.command)); code != exitOK {
		t.Errorf("%s: linger %s: exit code %d: %s", tr.file, tr.command, code, errs.String())
		return
	}
	got, gotProse := table(strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"))
	want, wantProse := table(tr.lines)
	if strings.Join(got, "\n") != strings.Join(want, "\n") || gotProse != wantProse {
		t.Errorf("%s: linger %s prints another table now:\n%s\nthan the document shows:\n%s", tr.file, tr.command, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
