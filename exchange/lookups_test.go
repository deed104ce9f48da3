package exchange

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/packet"
)

var (
	resolver = netip.MustParseAddrPort("192.0.2.53:53")
	someone  = netip.MustParseAddrPort("192.0.2.7:40000")
)

// udp is a packet with a DNS message. Numbers are its milliseconds.
func udp(ms int64, src, dst netip.AddrPort, m dnsmessage.Message) *packet.Packet {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	p := &packet.Packet{Number: int(ms), At: ms * 1e6, Data: b}
	p.Header = packet.Header{Protocol: packet.ProtocolUDP, Src: src, Dst: dst, End: len(b)}
	return p
}

func asks(ms int64, id uint16, name string, kind dnsmessage.Type) *packet.Packet {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id}}
	m.Questions = []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}
	return udp(ms, someone, resolver, m)
}

// answers answers with addresses, or with an alias of which they are.
func answers(ms int64, id uint16, name string, kind dnsmessage.Type, alias string, to ...string) *packet.Packet {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true}}
	owner := dnsmessage.MustNewName(name)
	m.Questions = []dnsmessage.Question{{Name: owner, Type: kind, Class: dnsmessage.ClassINET}}
	head := func(t dnsmessage.Type) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: owner, Type: t, Class: dnsmessage.ClassINET}
	}
	if alias != "" {
		target := dnsmessage.MustNewName(alias)
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(dnsmessage.TypeCNAME), Body: &dnsmessage.CNAMEResource{CNAME: target}})
		owner = target
	}
	for _, a := range to {
		addr := netip.MustParseAddr(a)
		if addr.Is4() {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(dnsmessage.TypeA), Body: &dnsmessage.AResource{A: addr.As4()}})
		} else {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(dnsmessage.TypeAAAA), Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	return udp(ms, resolver, someone, m)
}

func connects(ms int64, to string) *flow.Conn {
	return &flow.Conn{
		Client: netip.AddrPortFrom(someone.Addr(), 50000), Server: netip.AddrPortFrom(netip.MustParseAddr(to), 80),
		Opening: flow.Opening{FirstSYN: ms * 1e6, SYN: ms * 1e6},
	}
}

func TestLookups(t *testing.T) {
	const a, aaaa = dnsmessage.TypeA, dnsmessage.TypeAAAA
	for name, test := range map[string]struct {
		packets []*packet.Packet
		conns   []*flow.Conn
		want    []string
	}{
		"one": {
			[]*packet.Packet{asks(1, 7, "Example.org.", a), answers(5, 7, "example.org.", a, "", "203.0.113.1", "203.0.113.2")},
			[]*flow.Conn{connects(6, "203.0.113.2"), connects(7, "203.0.113.3")},
			[]string{"example.org 1-5 1 tries", "none"},
		},
		"asked again, by an alias": {
			[]*packet.Packet{asks(1, 7, "example.org.", a), asks(1001, 8, "example.org.", a), answers(1005, 8, "example.org.", a, "cdn.example.", "203.0.113.1")},
			[]*flow.Conn{connects(1006, "203.0.113.1")},
			[]string{"example.org 1-1005 2 tries"},
		},
		"both families": {
			[]*packet.Packet{
				asks(1, 7, "example.org.", a), asks(2, 8, "example.org.", aaaa),
				answers(5, 8, "example.org.", aaaa, "", "2001:db8::1"), answers(9, 7, "example.org.", a, "", "203.0.113.1"),
			},
			[]*flow.Conn{connects(10, "2001:db8::1"), connects(260, "203.0.113.1")},
			[]string{"example.org 2-5 1 tries", "example.org 1-9 1 tries"},
		},
		"not from a cache": {
			[]*packet.Packet{asks(1, 7, "example.org.", a), answers(5, 7, "example.org.", a, "", "203.0.113.1")},
			[]*flow.Conn{connects(6, "203.0.113.1"), connects(6, "203.0.113.1"), connects(50, "203.0.113.1"), connects(500, "203.0.113.1")},
			[]string{"example.org 1-5 1 tries", "example.org 1-5 1 tries", "example.org 1-5 1 tries", "none"},
		},
		"not before, not long after": {
			[]*packet.Packet{asks(1, 7, "example.org.", a), answers(5, 7, "example.org.", a, "", "203.0.113.1")},
			[]*flow.Conn{connects(4, "203.0.113.1"), connects(2006, "203.0.113.1")},
			[]string{"none", "none"},
		},
		"an answer that nobody asked for": {
			[]*packet.Packet{asks(1, 7, "example.org.", a), answers(5, 8, "example.org.", a, "", "203.0.113.1")},
			[]*flow.Conn{connects(6, "203.0.113.1")},
			[]string{"none"},
		},
	} {
		l := NewLookups()
		for _, p := range test.packets {
			l.Add(p)
		}
		for i, c := range test.conns {
			got := "none"
			if f := l.For(c); f != nil {
				got = fmt.Sprintf("%s %d-%d %d tries", f.Name, f.Query/1e6, f.Answer/1e6, f.Tries)
				if int64(f.QueryPacket) != f.Query/1e6 || int64(f.AnswerPacket) != f.Answer/1e6 {
					t.Errorf("%s: packets %d and %d", name, f.QueryPacket, f.AnswerPacket)
				}
			}
			if got != test.want[i] {
				t.Errorf("%s: connection %d: %s, want %s", name, i+1, got, test.want[i])
			}
		}
	}
}

// TestLookupsAreBounded: what is asked and never answered, and what is answered, is
// forgotten.
func TestLookupsAreBounded(t *testing.T) {
	l := NewLookups()
	for i := range 3 * maxLookups {
		name := fmt.Sprintf("n%d.example.", i)
		l.Add(asks(int64(i), uint16(i), name, dnsmessage.TypeA))
		if i%2 == 0 {
			l.Add(answers(int64(i), uint16(i), name, dnsmessage.TypeA, "", fmt.Sprintf("10.0.%d.%d", i>>8, i&255)))
		}
	}
	if n, m := len(l.asked.m), len(l.answered.m); n > maxLookups || m > maxLookups {
		t.Errorf("%d questions and %d addresses", n, m)
	}
	l.Add(asks(1_000_000, 1, "late.example.", dnsmessage.TypeA))
	if n, m := len(l.asked.m), len(l.answered.m); n != 1 || m != 0 {
		t.Errorf("after a minute: %d questions and %d addresses", n, m)
	}
}

// FuzzLookups: no packet panics, whatever is in it.
func FuzzLookups(f *testing.F) {
	f.Add(asks(1, 7, "example.org.", dnsmessage.TypeA).Data, true)
	f.Add(answers(1, 7, "example.org.", dnsmessage.TypeA, "a.example.", "203.0.113.1").Data, false)
	f.Fuzz(func(t *testing.T, b []byte, up bool) {
		l := NewLookups()
		l.Add(asks(1, 7, "example.org.", dnsmessage.TypeA))
		p := &packet.Packet{Number: 2, At: 2e6, Data: b}
		p.Header = packet.Header{Protocol: packet.ProtocolUDP, Src: resolver, Dst: someone, End: len(b)}
		if up {
			p.Src, p.Dst = p.Dst, p.Src
		}
		l.Add(p)
		l.For(connects(3, "203.0.113.1"))
	})
}
