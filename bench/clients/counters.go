package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// Counters are what this process has used so far.
type counters struct {
	at     time.Time
	cpu    time.Duration // user and system
	allocs uint64
	bytes  uint64
}

func readCounters() (counters, error) {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return counters{}, fmt.Errorf("reading the CPU time: %w", err)
	}
	return counters{
		at:     time.Now(),
		cpu:    time.Duration(use.Utime.Nano() + use.Stime.Nano()),
		allocs: mem.Mallocs,
		bytes:  mem.TotalAlloc,
	}, nil
}

// since returns what was used between two readings.
func (c counters) since(before counters) usage {
	return usage{
		elapsed: c.at.Sub(before.at),
		cpu:     c.cpu - before.cpu,
		allocs:  c.allocs - before.allocs,
		bytes:   c.bytes - before.bytes,
	}
}

// A usage is what a stretch of work cost.
type usage struct {
	elapsed, cpu  time.Duration
	allocs, bytes uint64
}
