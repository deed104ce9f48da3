package lab

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Kernel is how the TCP of one side is set. The zero value is Linux as it comes
// (see each field), but that nothing is remembered of earlier connections
// (tcp_no_metrics_save): a second run would start from where the first ended.
type Kernel struct {
	// Congestion is the congestion control: reno, cubic, bbr, … Empty means cubic,
	// Linux' own default, whatever this machine's is.
	Congestion string

	// InitialWindow is what a connection may send before the first ACK, in segments.
	// 0 means the kernel's: 10 (RFC 6928).
	InitialWindow int

	// MSS is the largest segment that this side offers to take, in bytes, TCP's options
	// among them: it bounds what the other side sends. 0 means the MTU less 40, or 60
	// with IPv6.
	MSS int

	// NoSACK and NoTimestamps do without these options (RFC 2018, RFC 7323).
	NoSACK       bool
	NoTimestamps bool

	// QuickACK acknowledges each segment at once. Without it the kernel delays ACKs
	// by 40 to 200 ms, but for the first 16 or so of a connection.
	QuickACK bool

	// KeepWindow keeps the congestion window while a connection is idle; without it
	// the kernel halves it for each retransmission timeout that passes, down to the
	// initial window (tcp_slow_start_after_idle; RFC 2861, RFC 5681 §4.1).
	KeepWindow bool

	// ReceiveBuffer fixes the receive buffer, in bytes, of which the window that is
	// offered is a part. 0 means that the kernel tunes it (tcp_rmem).
	ReceiveBuffer int

	// FirstPort and LastPort are the range that outgoing connections take their
	// ports from. 0 means the kernel's: 32768 to 60999.
	FirstPort int
	LastPort  int

	// FastOpen allows data in the SYN (RFC 7413), on every listening socket and
	// without a cookie; a client has to ask for it.
	FastOpen bool
}

const defaultCongestion = "cubic"

// Check says what is wrong with the settings, as far as can be told without
// asking the kernel.
func (k Kernel) Check() error {
	switch {
	case k.InitialWindow < 0 || k.InitialWindow > 1000:
		return refused("initial window %d: want 1 to 1000 segments", k.InitialWindow)
	case k.MSS != 0 && (k.MSS < 88 || k.MSS > maxMTU-40):
		return refused("MSS %d: want 88 to %d bytes", k.MSS, maxMTU-40)
	case k.ReceiveBuffer != 0 && (k.ReceiveBuffer < 2304 || k.ReceiveBuffer > 1<<30):
		return refused("receive buffer %d: want 2304 bytes to 1 GiB", k.ReceiveBuffer)
	case (k.FirstPort == 0) != (k.LastPort == 0) || k.FirstPort < 0 || k.LastPort > 65535 || k.FirstPort > k.LastPort:
		return refused("ports %d-%d: want a range within 1-65535", k.FirstPort, k.LastPort)
	}
	return nil
}

// A word is one setting by the name that people give it.
type word struct {
	name, help string
	set        func(k *Kernel, value string) error
	text       func(k *Kernel) string // as Set reads it; empty where the kernel's own is meant
}

// words are the settings, as in "cc=reno,iw=2,mss=1460,nosack".
var words = []word{
	{"cc", "congestion control: reno, cubic, bbr", setCongestion, showCongestion},
	numberWord("iw", "initial window in segments", func(k *Kernel) *int { return &k.InitialWindow }),
	numberWord("mss", "largest segment in bytes", func(k *Kernel) *int { return &k.MSS }),
	numberWord("rcvbuf", "receive buffer in bytes, fixed", func(k *Kernel) *int { return &k.ReceiveBuffer }),
	{"ports", "ports that connections come from, as in 40000-40200", setPorts, showPorts},
	flagWord("nosack", "do without selective acknowledgements", func(k *Kernel) *bool { return &k.NoSACK }),
	flagWord("notimestamps", "do without timestamps", func(k *Kernel) *bool { return &k.NoTimestamps }),
	flagWord("quickack", "acknowledge each segment at once", func(k *Kernel) *bool { return &k.QuickACK }),
	flagWord("keepwindow", "keep the congestion window while idle", func(k *Kernel) *bool { return &k.KeepWindow }),
	flagWord("fastopen", "allow data in the SYN", func(k *Kernel) *bool { return &k.FastOpen }),
}

// A KernelWord is one word of a Kernel's text.
type KernelWord struct{ Name, Help string }

// KernelHelp lists the words that [Kernel.Set] understands.
func KernelHelp() []KernelWord {
	var all []KernelWord
	for _, w := range words {
		all = append(all, KernelWord{w.name, w.help})
	}
	return all
}

// Set adds the settings of a text such as "cc=reno,iw=2,nosack"; the empty text has
// none. On an error k stays as it was.
func (k *Kernel) Set(text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	with := *k
	for word := range strings.SplitSeq(text, ",") {
		if err := with.setOne(strings.TrimSpace(word)); err != nil {
			return err
		}
	}
	if err := with.Check(); err != nil {
		return err
	}
	*k = with
	return nil
}

func (k *Kernel) setOne(text string) error {
	name, value, _ := strings.Cut(text, "=")
	var known []string
	for _, w := range words {
		if w.name != name {
			known = append(known, w.name)
			continue
		}
		if err := w.set(k, value); err != nil {
			return refused("kernel setting %q: %w", text, err)
		}
		return nil
	}
	return refused("kernel setting %q: want one of %s", name, strings.Join(known, ", "))
}

// String is the text that Set reads, without what is as the kernel has it.
func (k *Kernel) String() string {
	var parts []string
	for _, w := range words {
		if text := w.text(k); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ",")
}

// Type is for pflag.
func (k *Kernel) Type() string { return "words" }

func numberWord(name, help string, field func(*Kernel) *int) word {
	set := func(k *Kernel, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n <= 0 {
			return errors.New("want a number from 1")
		}
		*field(k) = n
		return nil
	}
	text := func(k *Kernel) string {
		if n := *field(k); n != 0 {
			return fmt.Sprintf("%s=%d", name, n)
		}
		return ""
	}
	return word{name, help, set, text}
}

func flagWord(name, help string, field func(*Kernel) *bool) word {
	set := func(k *Kernel, v string) error {
		if v != "" {
			return errors.New("it takes no value")
		}
		*field(k) = true
		return nil
	}
	text := func(k *Kernel) string {
		if *field(k) {
			return name
		}
		return ""
	}
	return word{name, help, set, text}
}

func setCongestion(k *Kernel, v string) error {
	if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		return errors.New("want the kernel's name of a congestion control, such as reno")
	}
	k.Congestion = v
	return nil
}

func showCongestion(k *Kernel) string {
	if k.Congestion == "" {
		return ""
	}
	return "cc=" + k.Congestion
}

func setPorts(k *Kernel, v string) error {
	low, high, ok := strings.Cut(v, "-")
	first, err1 := strconv.Atoi(low)
	last, err2 := strconv.Atoi(high)
	if !ok || err1 != nil || err2 != nil || first < 1 {
		return errors.New("want a range such as 40000-40200")
	}
	k.FirstPort, k.LastPort = first, last
	return nil
}

func showPorts(k *Kernel) string {
	if k.FirstPort == 0 {
		return ""
	}
	return fmt.Sprintf("ports=%d-%d", k.FirstPort, k.LastPort)
}

func (k Kernel) congestion() string {
	if k.Congestion == "" {
		return defaultCongestion
	}
	return k.Congestion
}

// A sysctl is a kernel's setting by its path under /proc/sys.
type sysctlValue struct{ name, value string }

// sysctls are those that a side's namespace gets.
func (k Kernel) sysctls() []sysctlValue {
	all := []sysctlValue{
		{"net/ipv4/tcp_no_metrics_save", "1"},
		{"net/ipv4/tcp_sack", zeroOrOne(!k.NoSACK)},
		{"net/ipv4/tcp_timestamps", zeroOrOne(!k.NoTimestamps)},
		{"net/ipv4/tcp_slow_start_after_idle", zeroOrOne(!k.KeepWindow)},
		{"net/ipv4/ping_group_range", "0 0"},
		{"net/ipv4/ip_unprivileged_port_start", "0"},
	}
	if k.ReceiveBuffer != 0 {
		n := strconv.Itoa(k.ReceiveBuffer)
		all = append(all, sysctlValue{"net/ipv4/tcp_rmem", n + " " + n + " " + n})
	}
	if k.FirstPort != 0 {
		all = append(all, sysctlValue{"net/ipv4/ip_local_port_range", fmt.Sprintf("%d %d", k.FirstPort, k.LastPort)})
	}
	if k.FastOpen {
		all = append(all, sysctlValue{"net/ipv4/tcp_fastopen", strconv.Itoa(fastOpenAll)})
	}
	return all
}

// fastOpenAll enables the client (1) and the server (2), needs no cookie of either
// (4, 0x200) and no option on the listening socket (0x400): the kernel's
// ip-sysctl.rst.
const fastOpenAll = 0x1 | 0x2 | 0x4 | 0x200 | 0x400

// recorded are further sysctls that say how a kernel's TCP behaves.
var recorded = []string{
	"net/ipv4/tcp_rmem", "net/ipv4/tcp_wmem", "net/ipv4/ip_local_port_range", "net/ipv4/tcp_fastopen",
	"net/ipv4/tcp_ecn", "net/ipv4/tcp_window_scaling", "net/ipv4/tcp_recovery", "net/ipv4/tcp_tw_reuse",
}

func zeroOrOne(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
