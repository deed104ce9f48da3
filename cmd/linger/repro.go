package main

import (
	"context"
	"errors"
)

func repro(ctx context.Context, e *env, args []string) error { return errors.New("no experiment yet") }
