package lab

import (
	"bytes"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What a lab wants of the machine, and of the Go runtime.

// A stealCount is a reading of /proc/stat, in ticks of all CPUs together.
type stealCount struct{ stolen, all float64 }

func readSteal() stealCount {
	text, _ := os.ReadFile("/proc/stat")
	return parseSteal(text)
}

// parseSteal reads the first line of /proc/stat: "cpu" and then the times, of which
// the eighth is that which the host gave to others while this machine wanted to run:
// proc(5).
func parseSteal(text []byte) stealCount {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(string(line))
	var c stealCount
	for i, f := range fields[min(1, len(fields)):] {
		v, _ := strconv.ParseFloat(f, 64)
		if i == 7 {
			c.stolen = v
		}
		if i < 8 { // those behind are parts of these
			c.all += v
		}
	}
	return c
}

// since is the share that was stolen from then until now.
func (c stealCount) since() float64 { return c.until(readSteal()) }

func (c stealCount) until(now stealCount) float64 {
	if now.all <= c.all {
		return 0
	}
	return (now.stolen - c.stolen) / (now.all - c.all)
}

// procs raises GOMAXPROCS while a lab is there. A relay that comes out of a wait
// needs one of the runtime's processors at once, and while there are as many of
// them as CPUs, the client and the server in the same process may have them all.
// With some to spare the kernel decides, and it prefers the relay.
type procs struct{ taken bool }

var spare struct {
	sync.Mutex
	labs   int // guarded by Mutex
	before int // guarded by Mutex; GOMAXPROCS without labs
}

// spareProcs is for the relay, and for the thread of a side.
const spareProcs = 2

func (p *procs) take() {
	spare.Lock()
	defer spare.Unlock()
	p.taken = true
	if spare.labs++; spare.labs == 1 {
		spare.before = runtime.GOMAXPROCS(0)
	}
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), spare.before+spareProcs*spare.labs))
}

func (p *procs) give() {
	spare.Lock()
	defer spare.Unlock()
	if !p.taken {
		return
	}
	p.taken = false
	if spare.labs--; spare.labs == 0 {
		restoreProcs(spare.before)
	}
}

// restoreProcs sets GOMAXPROCS to what it was. If that was the default, it is the
// default again: a value that was set no longer follows the machine and its limits.
func restoreProcs(before int) {
	runtime.SetDefaultGOMAXPROCS()
	if runtime.GOMAXPROCS(0) != before {
		runtime.GOMAXPROCS(before)
	}
}

// Of each period the relay is sure to get its share, whoever else wants to run, and
// more while no other thread of its kind has a claim to it (SCHED_FLAG_RECLAIM).
// SCHED_FIFO would promise all of it; but a kernel that sees others starve
// takes the CPU away for 50 ms at a stretch (sched_rt_runtime_us, and since Linux
// 6.12 the fair server).
const (
	deadlinePeriod = time.Millisecond
	deadlineShare  = deadlinePeriod / 4 // so that seven labs find room on two CPUs
)

// schedule has the calling thread woken when it asks to be, not 50 µs later, and run
// before others. Gentle says that its links are so slow that the share is enough:
// where it is not, a thread that has used it up waits for the next period, and 1 in
// 100 packets of 500 Mbit/s was 4 ms late instead of 0.2. It returns how the thread
// is scheduled: without privilege the kernel refuses.
func schedule(gentle bool) string {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	attr := unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_DEADLINE, Flags: unix.SCHED_FLAG_RESET_ON_FORK | unix.SCHED_FLAG_RECLAIM,
		Runtime: uint64(deadlineShare), Deadline: uint64(deadlinePeriod), Period: uint64(deadlinePeriod),
	}
	if gentle && unix.SchedSetAttr(0, &attr, 0) == nil {
		return byDeadline
	}
	// A short slice, where the kernel knows one (Linux 6.12), has an ordinary thread
	// run sooner after it wakes.
	attr = unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: -20, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Runtime: uint64(100 * time.Microsecond)}
	if unix.SchedSetAttr(0, &attr, 0) == nil {
		return byNice
	}
	attr.Nice = 0
	_ = unix.SchedSetAttr(0, &attr, 0)
	return ordinary
}

// A waking learns how long a thread that sleeps takes to run again: 15 µs after a
// sleep of 20 µs, 110 µs after one of 5 ms, when the CPU has gone to sleep itself.
// The relay wakes so much earlier and looks at the clock until it is time.
type waking [9]time.Duration // the usual, by wakingClass

const (
	mostUsual  = 200 * time.Microsecond // bounds what the relay spends on looking at the clock
	firstUsual = 30 * time.Microsecond
	usualStep  = 2 * time.Microsecond
)

func newWaking() (w waking) {
	for i := range w {
		w[i] = firstUsual
	}
	return w
}

// wakingClass sorts sleeps by their length, in powers of two from 64 µs on.
func wakingClass(left time.Duration) int {
	return min(bits.Len64(uint64(max(left, 0)/(64*time.Microsecond))), len(waking{})-1)
}

// sleep is how long to sleep if there is something to do in so long. At 0 it is too
// soon for a sleep.
func (w *waking) sleep(left time.Duration) time.Duration {
	return max(left-w[wakingClass(left)], 0)
}

// learn takes in by how much a sleep was too long. Going up and down by equal steps,
// the usual becomes the median, which single long sleeps do not move.
func (w *waking) learn(left, over time.Duration) {
	usual := &w[wakingClass(left)]
	if over > *usual {
		*usual = min(*usual+usualStep, mostUsual)
	} else {
		*usual = max(*usual-usualStep, 0)
	}
}
