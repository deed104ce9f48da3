package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// The DNS server of a lab. It stands on the server side with an address of its own;
// how long it thinks is a link of its own, which delays what it says.

// recordTTL is in seconds: no run lasts so long that a name is to be asked again.
const recordTTL = 3600

// A dnsServer answers for the names of the lab, over UDP and TCP.
type dnsServer struct {
	names   *names
	servers []*dns.Server
	done    chan error
}

func startDNS(s *Side, n *names) (*dnsServer, error) {
	d := &dnsServer{names: n, done: make(chan error)}
	addr := net.JoinHostPort(dnsAddr4.String(), "53")
	packets, err := s.ListenPacket("udp", addr)
	if err != nil {
		return nil, err
	}
	if err := d.start(&dns.Server{PacketConn: packets}); err != nil {
		return nil, errors.Join(err, packets.Close())
	}
	streams, err := s.Listen("tcp", addr)
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	if err := d.start(&dns.Server{Listener: streams}); err != nil {
		return nil, errors.Join(err, streams.Close(), d.close())
	}
	return d, nil
}

// start starts one of the servers, and returns when it answers.
func (d *dnsServer) start(srv *dns.Server) error {
	started := make(chan struct{})
	srv.Handler, srv.NotifyStartedFunc = d, func() { close(started) }
	go d.serve(srv)
	select {
	case <-started:
		d.servers = append(d.servers, srv)
		return nil
	case err := <-d.done:
		return err
	}
}

func (d *dnsServer) serve(srv *dns.Server) { d.done <- srv.ActivateAndServe() }

func (d *dnsServer) close() error {
	if d == nil {
		return nil
	}
	var errs []error
	for _, srv := range d.servers {
		errs = append(errs, srv.ShutdownContext(context.Background()), <-d.done)
	}
	return errors.Join(errs...)
}

// ServeDNS answers one message.
func (d *dnsServer) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	answer := new(dns.Msg)
	answer.SetReply(query)
	answer.Authoritative, answer.RecursionAvailable = true, true
	for _, q := range query.Question {
		d.answer(answer, q)
	}
	_ = w.WriteMsg(answer) // whoever asked may be gone
}

// answer adds what is known of a question. A name that has addresses of another
// family only is there, without a record: RFC 2308 §2.2.
func (d *dnsServer) answer(m *dns.Msg, q dns.Question) {
	addrs := d.names.lookUp(q.Name)
	if len(addrs) == 0 {
		m.Rcode = dns.RcodeNameError
		return
	}
	for _, a := range addrs {
		if rr := recordOf(q, a); rr != nil {
			m.Answer = append(m.Answer, rr)
		}
	}
}

func recordOf(q dns.Question, a netip.Addr) dns.RR {
	header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: recordTTL}
	switch {
	case q.Qtype == dns.TypeA && a.Is4():
		return &dns.A{Hdr: header, A: a.AsSlice()}
	case q.Qtype == dns.TypeAAAA && a.Is6():
		return &dns.AAAA{Hdr: header, AAAA: a.AsSlice()}
	}
	return nil
}
