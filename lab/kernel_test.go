package lab

import (
	"strings"
	"testing"
)

// TestKernelText: what is set is written as set, and read as the same again.
func TestKernelText(t *testing.T) {
	for text, test := range map[string]struct {
		want Kernel
		back string
	}{
		"":                      {Kernel{}, ""},
		" ":                     {Kernel{}, ""},
		"cc=reno":               {Kernel{Congestion: "reno"}, "cc=reno"},
		"iw=2":                  {Kernel{InitialWindow: 2}, "iw=2"},
		"mss=536":               {Kernel{MSS: 536}, "mss=536"},
		"rcvbuf=65536":          {Kernel{ReceiveBuffer: 65536}, "rcvbuf=65536"},
		"ports=40000-40200":     {Kernel{FirstPort: 40000, LastPort: 40200}, "ports=40000-40200"},
		"ports=1-1":             {Kernel{FirstPort: 1, LastPort: 1}, "ports=1-1"},
		"nosack":                {Kernel{NoSACK: true}, "nosack"},
		"notimestamps":          {Kernel{NoTimestamps: true}, "notimestamps"},
		"quickack":              {Kernel{QuickACK: true}, "quickack"},
		"keepwindow":            {Kernel{KeepWindow: true}, "keepwindow"},
		"fastopen":              {Kernel{FastOpen: true}, "fastopen"},
		"nosack, iw=3 ,cc=bbr":  {Kernel{Congestion: "bbr", InitialWindow: 3, NoSACK: true}, "cc=bbr,iw=3,nosack"},
		"iw=3,iw=4":             {Kernel{InitialWindow: 4}, "iw=4"},
		"cc=dctcp_reno2,mss=88": {Kernel{Congestion: "dctcp_reno2", MSS: 88}, "cc=dctcp_reno2,mss=88"},
	} {
		var got Kernel
		if err := got.Set(text); err != nil || got != test.want || got.String() != test.back {
			t.Errorf("%q: %+v, %v, written as %q; want %+v, %q", text, got, err, got.String(), test.want, test.back)
		}
		var again Kernel
		if err := again.Set(got.String()); err != nil || again != got {
			t.Errorf("%q is read as %+v, %v; it was %+v", got.String(), again, err, got)
		}
	}
}

// TestKernelSetAdds: a second text leaves alone what it does not name.
func TestKernelSetAdds(t *testing.T) {
	var k Kernel
	for _, text := range []string{"cc=reno,nosack", "iw=2", ""} {
		if err := k.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	if want := (Kernel{Congestion: "reno", InitialWindow: 2, NoSACK: true}); k != want {
		t.Errorf("%+v, want %+v", k, want)
	}
}

func TestKernelSetErrors(t *testing.T) {
	const known = "want one of cc, iw, mss, rcvbuf, ports, nosack, notimestamps, quickack, keepwindow, fastopen"
	before := Kernel{Congestion: "reno", MSS: 1000}
	for text, want := range map[string]string{
		"sack":          `kernel setting "sack": ` + known,
		"SACK=1":        `kernel setting "SACK": ` + known,
		"a\nb":          `kernel setting "a\nb": ` + known,
		"iw=2,":         `kernel setting "": ` + known,
		",":             `kernel setting "": ` + known,
		"iw":            `kernel setting "iw": want a number from 1`,
		"iw=0":          `kernel setting "iw=0": want a number from 1`,
		"iw=-2":         `kernel setting "iw=-2": want a number from 1`,
		"mss=1.5":       `kernel setting "mss=1.5": want a number from 1`,
		"mss=9\n":       `MSS 9: want 88 to 8960 bytes`,
		"mss=9\n9":      `kernel setting "mss=9\n9": want a number from 1`,
		"nosack=1":      `kernel setting "nosack=1": it takes no value`,
		"cc=":           `kernel setting "cc=": want the kernel's name of a congestion control, such as reno`,
		"cc=no such":    `kernel setting "cc=no such": want the kernel's name of a congestion control, such as reno`,
		"ports=40000":   `kernel setting "ports=40000": want a range such as 40000-40200`,
		"ports=a-b":     `kernel setting "ports=a-b": want a range such as 40000-40200`,
		"ports=-1-5":    `kernel setting "ports=-1-5": want a range such as 40000-40200`,
		"ports=0-0":     `kernel setting "ports=0-0": want a range such as 40000-40200`,
		"ports=0-5":     `kernel setting "ports=0-5": want a range such as 40000-40200`,
		"ports=5-0":     `ports 5-0: want a range within 1-65535`,
		"ports=9-5":     `ports 9-5: want a range within 1-65535`,
		"ports=1-70000": `ports 1-70000: want a range within 1-65535`,
		"iw=1001":       `initial window 1001: want 1 to 1000 segments`,
		"mss=8961":      `MSS 8961: want 88 to 8960 bytes`,
		"rcvbuf=2303":   `receive buffer 2303: want 2304 bytes to 1 GiB`,
		"iw=5,mss=87":   `MSS 87: want 88 to 8960 bytes`,
	} {
		k := before
		wantRefused(t, text, k.Set(text), want)
		if k != before {
			t.Errorf("%q changed %+v to %+v", text, before, k)
		}
	}
}

// TestKernelHelp: every word has its line, without a full stop.
func TestKernelHelp(t *testing.T) {
	seen := make(map[string]bool)
	for _, w := range KernelHelp() {
		if w.Name == "" || seen[w.Name] || w.Help == "" || strings.HasSuffix(w.Help, ".") || strings.Contains(w.Help, "\n") {
			t.Errorf("%q: %q", w.Name, w.Help)
		}
		seen[w.Name] = true
	}
	if len(seen) != 10 || new(Kernel).Type() != "words" {
		t.Errorf("%d words of type %q", len(seen), new(Kernel).Type())
	}
}

// TestKernelSysctls: each field moves what it is for, and nothing else.
func TestKernelSysctls(t *testing.T) {
	settings := func(k Kernel) map[string]string {
		all := make(map[string]string)
		for _, s := range k.sysctls() {
			all[strings.TrimPrefix(s.name, "net/ipv4/")] = s.value
		}
		return all
	}
	plain := settings(Kernel{})
	for name, want := range map[string]string{
		"tcp_no_metrics_save": "1", "tcp_sack": "1", "tcp_timestamps": "1", "tcp_slow_start_after_idle": "1",
	} {
		if plain[name] != want {
			t.Errorf("%s is %q by default, want %q", name, plain[name], want)
		}
	}
	for text, want := range map[string]string{
		"nosack": "tcp_sack=0", "notimestamps": "tcp_timestamps=0", "keepwindow": "tcp_slow_start_after_idle=0",
		"rcvbuf=9000": "tcp_rmem=9000 9000 9000", "ports=5-6": "ip_local_port_range=5 6", "fastopen": "tcp_fastopen=1543",
	} {
		var k Kernel
		if err := k.Set(text); err != nil {
			t.Fatal(err)
		}
		changed := 0
		for name, value := range settings(k) {
			if plain[name] != value {
				changed++
				if got := name + "=" + value; got != want {
					t.Errorf("%s sets %s, want %s", text, got, want)
				}
			}
		}
		if changed != 1 {
			t.Errorf("%s changes %d settings", text, changed)
		}
	}
}
