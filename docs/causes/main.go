// Command causes draws the pictures of docs/causes.md: each from a run in the lab, made
// so that one cause takes much of the time.
//
//	go run ./docs/causes [CAUSE...]
//
// It writes docs/causes/CAUSE.svg, of all causes if none is named, and needs what the
// lab needs. A picture has what the link knows of each packet, and above it where the
// time went: as it is true, and as package cause explains it from the packets of either
// end alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"github.com/lingerhttp/linger/grade"
	"github.com/lingerhttp/linger/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "causes:", err)
		os.Exit(1)
	}
}

// folder is where pictures go, from the root of the module.
const folder = "docs/causes"

func run(ctx context.Context, names []string) error {
	if err := lab.Rootless(); err != nil {
		return err
	}
	look, err := newLook()
	if err != nil {
		return err
	}
	for _, s := range scenes() {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		if err := s.draw(ctx, look); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// A scene is played until so many runs were not late, at most so often.
const (
	enough   = 4
	patience = 12
)

// draw plays a scene and writes its picture: that of the shortest run, since what a busy
// machine adds is not of the cause.
func (s *scene) draw(ctx context.Context, look *look) error {
	var shortest *picture
	good := 0
	for n := 0; n < patience && good < enough; n++ {
		f, err := grade.Run(ctx, s.scenario)
		if err != nil {
			return err
		}
		if f.Certificate.Late {
			continue
		}
		p, err := s.picture(f)
		if err != nil {
			return err
		}
		if good++; shortest == nil || p.to-p.from < shortest.to-shortest.from {
			shortest = p
		}
	}
	if shortest == nil {
		return errors.New("the link was late in every run: this machine is too busy")
	}
	return os.WriteFile(filepath.Join(folder, s.name+".svg"), shortest.svg(look), 0o644)
}
