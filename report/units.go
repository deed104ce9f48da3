package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// ms is a duration in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// duration writes three digits and a unit: "0.42 ms", "12.3 ms", "1.23 s". It
// takes at most seven columns up to 27 hours.
func duration(d time.Duration) string { return millis(ms(d)) }

// millis writes milliseconds as duration does.
func millis(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "?"
	case f < 999.5:
		return digits(f) + " ms"
	default:
		return digits(f/1000) + " s"
	}
}

// tally writes a number in at most five columns: "99999", "1.23M".
func tally(n int64) string {
	if n < 100_000 {
		return fmt.Sprint(n)
	}
	return strings.ReplaceAll(strings.Replace(size(n), "B", "", 1), " ", "")
}

// size writes bytes with three digits and a decimal unit: "512 B", "1.23 MB".
// It takes at most seven columns.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		if f /= 1000; f < 999.5 {
			return digits(f) + " " + unit
		}
	}
	return digits(f/1000) + " PB"
}

// digits writes a number with three digits, never more than two after the point.
func digits(f float64) string {
	switch {
	case f < 9.995:
		return fmt.Sprintf("%.2f", f)
	case f < 99.95:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.0f", f)
	}
}

// percent writes a share, 0 to 1, in at most five columns.
func percent(share float64) string {
	if finite(share) == nil {
		return "?"
	}
	if share > 0 && share < 0.005 {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", share*100)
}

// count writes a number and its noun: "1 object", "2 objects".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// share is part of whole, 0 of nothing.
func share(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
