package packet

import (
	"math"
	"testing"
)

func TestResolution(t *testing.T) {
	const s = 1_700_000_000
	for name, test := range map[string]struct {
		option byte
		offset int64
		units  uint64
		want   int64
		ok     bool
	}{
		"seconds":                        {0, 0, s, s * 1e9, true},
		"milliseconds":                   {3, 0, s*1000 + 7, s*1e9 + 7e6, true},
		"microseconds":                   {6, 0, s*1e6 + 7, s*1e9 + 7000, true},
		"nanoseconds":                    {9, 0, s*1e9 + 7, s*1e9 + 7, true},
		"picoseconds":                    {12, 0, 5_000_007_999, 5_000_007, true},
		"10^-19 s":                       {19, 0, math.MaxUint64, 1_844_674_407, true},
		"10^-20 s":                       {20, 0, 1, 0, false},
		"2^0 s":                          {0x80, 0, s, s * 1e9, true},
		"2^-10 s":                        {0x8a, 0, s<<10 + 512, s*1e9 + 5e8, true},
		"2^-32 s, as in NTP":             {0xa0, 0, s<<32 + 1<<31, s*1e9 + 5e8, true},
		"2^-63 s":                        {0xbf, 0, 1 << 63, 1e9, true},
		"2^-64 s":                        {0xc0, 0, 1 << 63, 5e8, true},
		"2^-127 s":                       {0xff, 0, math.MaxUint64, 0, true},
		"offset":                         {6, s, 7, s*1e9 + 7000, true},
		"offset before 1970":             {6, -1, 1_000_007, 7000, true},
		"the last that fits":             {9, 0, math.MaxInt64, math.MaxInt64, true},
		"too many nanoseconds":           {9, 0, math.MaxInt64 + 1, 0, false},
		"too many microseconds":          {6, 0, math.MaxUint64, 0, false},
		"too many seconds":               {0x80, 0, math.MaxUint64, 0, false},
		"too many 2^-32 s":               {0xa0, 0, math.MaxUint64, 4_294_967_295_999_999_999, true},
		"an offset that does not fit":    {6, math.MaxInt64, 0, 0, false},
		"an offset that does not, below": {6, math.MinInt64, 0, 0, false},
		"too much with the offset":       {9, s, math.MaxInt64, 0, false},
		"picoseconds that do not fit":    {10, 0, math.MaxUint64, 1_844_674_407_370_955_161, true},
	} {
		var r resolution
		r.set(test.option)
		r.offset = test.offset
		got, ok := r.time(test.units)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%s: %d, %v, want %d", name, got, ok, test.want)
		}
	}
}
