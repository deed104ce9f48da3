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

// patience is how often a scene is played again while the machine is too busy for it.
const patience = 5

// draw plays a scene and writes its picture.
func (s *scene) draw(ctx context.Context, look *look) error {
	var f *grade.Facts
	for n := 0; f == nil || f.Certificate.Late; n++ {
		if n == patience {
			return fmt.Errorf("the link was late: %v", f.Certificate.Defects)
		}
		var err error
		if f, err = grade.Run(ctx, s.scenario); err != nil {
			return err
		}
	}
	p, err := s.picture(f)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, s.name+".svg"), p.svg(look), 0o644)
}
