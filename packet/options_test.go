package packet

import (
	"testing"
)

func TestOptions(t *testing.T) {
	none := Options{WindowScale: -1}
	with := func(change func(*Options)) Options {
		o := none
		change(&o)
		return o
	}
	stamped := with(func(o *Options) { o.Timestamps, o.TSval, o.TSecr = true, 0x934b724b, 0xd9051a7b })
	for name, test := range map[string]struct {
		bytes string
		want  Options
	}{
		"none": {"", none},
		"SYN of Linux 6.18": {"020405b40402080a934b724b000000000103030a", with(func(o *Options) {
			o.MSS, o.SACKPermitted, o.Timestamps, o.TSval, o.WindowScale = 1460, true, true, 0x934b724b, 10
		})},
		"data of Linux 6.18":          {"0101080a934b724bd9051a7b", stamped},
		"timestamps in another place": {"080a934b724bd9051a7b0101", stamped},
		"two blocks of SACK": {"0101050a" + "0000000100000002" + "0101" + "0512" + "00000003000000040000000500000006", with(func(o *Options) {
			o.NumSACK, o.SACK = 2, [4][2]uint32{{3, 4}, {5, 6}}
		})},
		"four blocks of SACK": {"0522" + "0000000100000002" + "0000000300000004" + "0000000500000006" + "fffffff700000008", with(func(o *Options) {
			o.NumSACK, o.SACK = 4, [4][2]uint32{{1, 2}, {3, 4}, {5, 6}, {0xfffffff7, 8}}
		})},
		"Fast Open, a cookie is asked for":   {"22020101", with(func(o *Options) { o.FastOpen = true })},
		"Fast Open, a cookie":                {"220a0102030405060708", with(func(o *Options) { o.FastOpen = true })},
		"Fast Open as an experiment":         {"fe0cf9890102030405060708", with(func(o *Options) { o.FastOpen = true })},
		"another experiment":                 {"fe04dead" + "020405b4", with(func(o *Options) { o.MSS = 1460 })},
		"MD5 signature, which is unknown":    {"1312" + "00112233445566778899aabbccddeeff" + "020405b4", with(func(o *Options) { o.MSS = 1460 })},
		"window scale of 200: RFC 7323 §2.3": {"0303c8", with(func(o *Options) { o.WindowScale = 14 })},
		"window scale of 0":                  {"030300", with(func(o *Options) { o.WindowScale = 0 })},
		"behind the end":                     {"00020405b4", none},
		"length of 0":                        {"020405b4" + "0300" + "080a934b724bd9051a7b", with(func(o *Options) { o.MSS = 1460 })},
		"length of 1":                        {"0301" + "020405b4", none},
		"cut in a value":                     {"020405b4" + "080a934b", with(func(o *Options) { o.MSS = 1460 })},
		"cut in a length":                    {"020405b4" + "08", with(func(o *Options) { o.MSS = 1460 })},
		"MSS of three bytes":                 {"0205000000" + "0402", with(func(o *Options) { o.SACKPermitted = true })},
		"half a block of SACK":               {"0506" + "00000001" + "0402", with(func(o *Options) { o.SACKPermitted = true })},
	} {
		got := Options{MSS: 7, NumSACK: 3, FastOpen: true} // of the packet before
		got.read(unhex(t, test.bytes, 0))
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// FuzzOptions: whatever the bytes, what is read is within bounds, and does not depend
// on what was there before.
func FuzzOptions(f *testing.F) {
	f.Add(unhex(f, "020405b40402080a934b724b000000000103030a", 0))
	f.Add(unhex(f, "0522"+"0000000100000002"+"0000000300000004"+"0000000500000006"+"fffffff700000008", 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		var o, again Options
		again.SACK[3], again.NumSACK, again.MSS = [2]uint32{1, 2}, 4, 9
		o.read(b)
		again.read(b)
		if o != again {
			t.Errorf("%+v, and where others were before: %+v", o, again)
		}
		if o.NumSACK < 0 || o.NumSACK > 4 || o.WindowScale < -1 || o.WindowScale > 14 {
			t.Errorf("%+v", o)
		}
	})
}
