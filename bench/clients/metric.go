package main

import "time"

// A metric is something measured; it names a column and a member of the JSON.
type metric string

const (
	perSecond    metric = "req_per_s"
	perCPUSecond metric = "req_per_cpu_s"
	cpuEach      metric = "cpu_us_per_req"
	allocsEach   metric = "allocs_per_req"
	bytesEach    metric = "bytes_per_req"
	p50          metric = "p50_us"
	p99          metric = "p99_us"
	rate         metric = "mib_per_s"
	cpuPerGiB    metric = "cpu_ms_per_gib"
	heapEach     metric = "heap_bytes_per_conn"
	stackEach    metric = "stack_bytes_per_conn"
	routinesEach metric = "goroutines_per_conn"
)

// columns are the metrics that a kind of scenario prints.
func (k kind) columns() []metric {
	switch k {
	case bulk:
		return []metric{rate, cpuPerGiB, allocsEach, bytesEach}
	case idle:
		return []metric{heapEach, stackEach, routinesEach}
	}
	return []metric{perSecond, cpuEach, allocsEach, bytesEach, p50, p99}
}

// A sample is what one measurement gave.
type sample map[metric]float64

// loadSample tells what n exchanges cost.
func loadSample(u usage, n int64, lat *histogram) sample {
	return sample{
		perSecond:    float64(n) / u.elapsed.Seconds(),
		perCPUSecond: float64(n) / u.cpu.Seconds(),
		cpuEach:      micros(u.cpu) / float64(n),
		allocsEach:   float64(u.allocs) / float64(n),
		bytesEach:    float64(u.bytes) / float64(n),
		p50:          micros(lat.quantile(0.50)),
		p99:          micros(lat.quantile(0.99)),
	}
}

// bulkSample tells what n bodies of so many bytes cost.
func bulkSample(u usage, n, size int64) sample {
	mib := float64(n*size) / (1 << 20)
	return sample{
		rate:       mib / u.elapsed.Seconds(),
		cpuPerGiB:  micros(u.cpu) / 1000 / (mib / 1024),
		allocsEach: float64(u.allocs) / float64(n),
		bytesEach:  float64(u.bytes) / float64(n),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
