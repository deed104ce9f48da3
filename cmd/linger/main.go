// Command linger fetches pages over managed connections and says where the time went.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	code := run(ctx, newEnv(), os.Args[1:])
	stop()
	os.Exit(code)
}
