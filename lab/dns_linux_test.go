package lab

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ask puts one question to the lab's DNS server.
func ask(t *testing.T, l *Lab, network, name string, kind uint16) *dns.Msg {
	t.Helper()
	c, err := l.Client.Dial(network, dnsAddr4.String()+":53")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client := &dns.Client{Net: network, Timeout: 10 * time.Second}
	answer, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion(name, kind), &dns.Conn{Conn: c})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestDNSServer(t *testing.T) {
	l := newLab(t, Config{Hosts: []Host{{Names: []string{"Origin", "www.example.org"}}, {Names: []string{"other"}}}})
	for _, c := range []struct {
		name string
		kind uint16
		code int
		want string
	}{
		{"origin.", dns.TypeA, dns.RcodeSuccess, "198.19.1.1"},
		{"oRiGiN.", dns.TypeAAAA, dns.RcodeSuccess, "2001:2::3:1"},
		{"www.example.org.", dns.TypeA, dns.RcodeSuccess, "198.19.1.1"},
		{"other.", dns.TypeA, dns.RcodeSuccess, "198.19.1.2"},
		{"origin.", dns.TypeMX, dns.RcodeSuccess, ""}, // there, but no such record
		{"example.org.", dns.TypeA, dns.RcodeNameError, ""},
	} {
		for _, network := range []string{"udp", "tcp"} {
			answer := ask(t, l, network, c.name, c.kind)
			var got []string
			for _, rr := range answer.Answer {
				got = append(got, rr.String()[strings.LastIndex(rr.String(), "\t")+1:])
			}
			if answer.Rcode != c.code || strings.Join(got, " ") != c.want {
				t.Errorf("%s %s over %s: %s %v, want %s", c.name, dns.TypeToString[c.kind], network, dns.RcodeToString[answer.Rcode], got, c.want)
			}
		}
	}
}

func TestResolver(t *testing.T) {
	const rtt, thinks = 20 * time.Millisecond, 50 * time.Millisecond
	c := symmetric(rtt)
	c.DNSDelay = thinks
	l := newLab(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	addrs, err := l.Client.Resolver().LookupNetIP(ctx, "ip", "ORIGIN")
	took := time.Since(began)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	if err != nil || !slices.Equal(addrs, l.Server.Addrs()[:2]) {
		t.Errorf("%v, %v", addrs, err)
	}
	if tooSoon(took, rtt+thinks) {
		t.Errorf("looked up in %v, a round trip and the server's time are %v", took, rtt+thinks)
	}
	if _, err := l.Client.Resolver().LookupHost(ctx, "nowhere"); !isNotFound(err) {
		t.Errorf("nowhere: %v", err)
	}
}

// TestNamesInCommands has programs look names up by the system's own resolver, while
// the system outside keeps its own.
func TestNamesInCommands(t *testing.T) {
	before := etcFiles(t)
	c := symmetric(20 * time.Millisecond)
	c.DNSDelay = 100 * time.Millisecond
	c.Hosts = []Host{{Names: []string{"origin", "www.example.org"}}}
	l := newLab(t, c)
	for side, s := range map[string]*Side{"client": l.Client, "server": l.Server} {
		for _, name := range []string{"origin", "WWW.example.ORG"} {
			began := time.Now()
			out, err := s.Command(t.Context(), "getent", "ahosts", name).CombinedOutput()
			took := time.Since(began)
			if err != nil || !strings.Contains(string(out), "198.19.1.1 ") || !strings.Contains(string(out), "2001:2::3:1 ") {
				t.Errorf("%s: %s: %v: %s", side, name, err, out)
			}
			if s == l.Client && tooSoon(took, 120*time.Millisecond) {
				t.Errorf("looked up in %v, sooner than a round trip and the server's time", took)
			}
		}
		if out, err := s.Command(t.Context(), "getent", "ahosts", "example.org").CombinedOutput(); err == nil {
			t.Errorf("%s: a name that nobody has: %s", side, out)
		}
	}
	if now := etcFiles(t); now != before {
		t.Errorf("files outside have changed:\n%s%s", before, now)
	}
}
