package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/link"
)

// wantRefused wants a one-line *Error with that text behind "lab: config: ".
func wantRefused(t *testing.T, what string, err error, text string) {
	t.Helper()
	if err == nil || err.Error() != "lab: config: "+text || !errors.As(err, new(*Error)) || strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("%s:\ngot  %v\nwant lab: config: %s", what, err, text)
	}
}

func TestConfigDefaults(t *testing.T) {
	var c Config
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if h := c.hosts(); len(h) != 1 || !slices.Equal(h[0].Names, []string{"origin"}) {
		t.Errorf("hosts %v", h)
	}
	if c.mtu() != 1500 || c.bound() != time.Millisecond || c.rtt() != 0 {
		t.Errorf("MTU %d, bound %v, round trip %v", c.mtu(), c.bound(), c.rtt())
	}
	c = Config{MTU: 9000, Bound: time.Second, Hosts: []Host{{Names: []string{"a"}}}, Up: link.Config{Delay: 3}, Down: link.Config{Delay: 4}}
	if c.mtu() != 9000 || c.bound() != time.Second || c.rtt() != 7 || c.hosts()[0].Names[0] != "a" {
		t.Errorf("%+v: %d, %v, %v, %v", c, c.mtu(), c.bound(), c.rtt(), c.hosts())
	}
}

func TestConfigAccepts(t *testing.T) {
	for name, c := range map[string]Config{
		"least MTU":    {MTU: 1280},
		"greatest MTU": {MTU: 9000},
		"DNS delay":    {DNSDelay: time.Minute},
		"names":        {Hosts: named("a.example", "B-1.example", "0.example", "xn--bcher-kva.example", strings.Repeat("a", 63))},
		"two names":    {Hosts: []Host{{Names: []string{"a", "b"}}}},
		"all hosts":    {Hosts: manyHosts(200)},
		"kernel":       {Client: Kernel{InitialWindow: 1000, MSS: 88, ReceiveBuffer: 2304, FirstPort: 1, LastPort: 65535}},
	} {
		if err := c.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func named(names ...string) (hosts []Host) {
	for _, n := range names {
		hosts = append(hosts, Host{Names: []string{n}})
	}
	return hosts
}

func manyHosts(n int) (hosts []Host) {
	for i := range n {
		hosts = append(hosts, named(fmt.Sprint("host", i))...)
	}
	return hosts
}

func TestConfigRefuses(t *testing.T) {
	const wantName = "want letters, digits, hyphens and dots"
	long := strings.Repeat("a", 64)
	longer := strings.Repeat("abcdefg.", 32)
	for _, test := range []struct {
		c    Config
		want string
	}{
		{Config{MTU: 1279}, "MTU 1279: want 1280 to 9000 bytes"},
		{Config{MTU: 9001}, "MTU 9001: want 1280 to 9000 bytes"},
		{Config{MTU: -1}, "MTU -1: want 1280 to 9000 bytes"},
		{Config{Bound: -1}, "bound -1ns: want 0 or more"},
		{Config{DNSDelay: -1}, "DNS delay -1ns: want 0 to 1m"},
		{Config{DNSDelay: 61 * time.Second}, "DNS delay 1m1s: want 0 to 1m"},
		{Config{Hosts: manyHosts(201)}, "201 hosts: there is room for 200"},
		{Config{Hosts: append(named("a"), Host{})}, "host 2 has no name"},
		{Config{Hosts: named("")}, `name "": ` + wantName},
		{Config{Hosts: named("a..b")}, `name "a..b": ` + wantName},
		{Config{Hosts: named("a.")}, `name "a.": ` + wantName},
		{Config{Hosts: named("a b")}, `name "a b": ` + wantName},
		{Config{Hosts: named("a\nb")}, `name "a\nb": ` + wantName},
		{Config{Hosts: named("-a")}, `name "-a": ` + wantName},
		{Config{Hosts: named("a-.b")}, `name "a-.b": ` + wantName},
		{Config{Hosts: named("ä")}, `name "ä": ` + wantName},
		{Config{Hosts: named(long)}, `name "` + long + `": ` + wantName},
		{Config{Hosts: named(longer)}, `name "` + longer + `": ` + wantName},
		{Config{Hosts: named("::1")}, `name "::1": ` + wantName},
		{Config{Hosts: named("192.0.2.1")}, `name "192.0.2.1" is an address`},
		{Config{Hosts: named("a", "LocalHost")}, `name "LocalHost" is every machine's own`},
		{Config{Hosts: named("a", "b", "A")}, `name "A" is there twice`},
		{Config{Hosts: []Host{{Names: []string{"a", "a"}}}}, `name "a" is there twice`},
		{Config{Server: Kernel{MSS: 87}}, "MSS 87: want 88 to 8960 bytes"},
		{Config{Client: Kernel{InitialWindow: -1}}, "initial window -1: want 1 to 1000 segments"},
	} {
		wantRefused(t, test.want, test.c.Check(), test.want)
	}
}

// TestConfigRefusesLinks: each of the four kinds of link is looked at.
func TestConfigRefusesLinks(t *testing.T) {
	bad := link.Config{Delay: -1}
	for name, c := range map[string]Config{
		"up": {Up: bad}, "down": {Down: bad},
		"a host's up":   {Hosts: []Host{{Names: []string{"a"}}, {Names: []string{"b"}, Up: bad}}},
		"a host's down": {Hosts: []Host{{Names: []string{"a"}, Down: bad}}},
	} {
		if err := c.Check(); !errors.As(err, new(*link.Error)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDefaultPath: what a link reckons by default, such as its queue, it reckons from
// the whole path that its packets take.
func TestDefaultPath(t *testing.T) {
	delays := func(up, down time.Duration) Host {
		return Host{Up: link.Config{Delay: up * time.Second}, Down: link.Config{Delay: down * time.Second}}
	}
	c := Config{
		DNSDelay: time.Minute,
		Up:       link.Config{Delay: 1 * time.Second, Jitter: time.Second},
		Down:     link.Config{Delay: 2 * time.Second},
		Hosts:    []Host{delays(0, 0), delays(10, 20), delays(3, 4)},
	}
	for d, l := range c.shared() {
		if l.RTT != 33*time.Second {
			t.Errorf("%v, shared: %v, want the 33 s of the farthest host", Direction(d), l.RTT)
		}
	}
	for i, want := range []time.Duration{3, 33, 10} {
		for d, l := range c.own()[i] {
			if l.RTT != want*time.Second {
				t.Errorf("%v, host %d: %v, want %d s", Direction(d), i, l.RTT, want)
			}
		}
	}
	c.Up.RTT, c.Hosts[1].Down.RTT = time.Second, 5*time.Second
	if up, down := c.shared()[Up].RTT, c.own()[1][Down].RTT; up != time.Second || down != 5*time.Second {
		t.Errorf("what is set is changed: %v, %v", up, down)
	}
	c.Hosts[0] = delays(60, 60)
	for _, both := range append(c.own(), c.shared()) {
		for _, l := range both {
			if err := l.Check(); err != nil {
				t.Errorf("on a long path: %v", err)
			}
		}
	}
}
