package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// sampledBytes is how many bytes lie between two samples of the profile of
// allocations: few, since most of them are small.
const sampledBytes = 4 << 10

// startProfiles starts the profiles that were asked for, and returns what ends
// and writes them. The profile of allocations makes each of them cost more: the
// times measured beside it are worth little.
func startProfiles(o options) (stop func() error, err error) {
	if o.memProfile != "" {
		runtime.MemProfileRate = sampledBytes
	}
	var cpu *os.File
	if o.cpuProfile != "" {
		if cpu, err = os.Create(o.cpuProfile); err != nil {
			return nil, fmt.Errorf("-cpuprofile: %w", err)
		}
		if err := pprof.StartCPUProfile(cpu); err != nil {
			return nil, errors.Join(fmt.Errorf("-cpuprofile: %w", err), cpu.Close())
		}
	}
	return func() error {
		var failed error
		if cpu != nil {
			pprof.StopCPUProfile()
			failed = cpu.Close()
		}
		return errors.Join(failed, writeAllocs(o.memProfile))
	}, nil
}

func writeAllocs(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("-memprofile: %w", err)
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
