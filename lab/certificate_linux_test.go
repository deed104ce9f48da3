package lab

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lingerhttp/linger/link"
)

// wantUnknown wants a certificate that is late for one reason alone.
func wantUnknown(t *testing.T, c Certificate, why string) {
	t.Helper()
	if !c.Late || len(c.Defects) != 1 || !strings.HasPrefix(c.Defects[0], why) || len(c.Unknown) != 1 {
		t.Errorf("late %v, %q, want one defect: %s", c.Late, c.Defects, why)
	}
}

// TestCertificateAfterClose: it is not one of zeros.
func TestCertificateAfterClose(t *testing.T) {
	l := newLab(t, Config{})
	sendDatagrams(t, l, 1, 100)
	_ = l.Close()
	wantUnknown(t, l.Certificate(), "nothing is known of the packets: ")
}

// TestCertificateOfFailure: nor once a device has failed.
func TestCertificateOfFailure(t *testing.T) {
	needLab(t)
	l, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	l.relay.ask(func() { l.relay.failure = broken })
	<-l.relay.done
	wantUnknown(t, l.Certificate(), "nothing is known of the packets: lab: link: broken")
	if err := l.Close(); !errors.Is(err, broken) {
		t.Errorf("closed with %v", err)
	}
}

// TestCertificateWithoutStatistics: what the device lost is then not nothing.
func TestCertificateWithoutStatistics(t *testing.T) {
	l := newLab(t, Config{})
	err := l.Client.run(func() error {
		dev, err := netlink.LinkByName(tunName)
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetDown(dev), netlink.LinkSetName(dev, "other"))
	})
	if err != nil {
		t.Fatal(err)
	}
	wantUnknown(t, l.Certificate(), "packets lost before the link are not counted: lab: statistics of link0: ")
}

// TestCertificateOfTrace: its rate is the mean, and what it achieved while it was busy
// is not to be held against that.
func TestCertificateOfTrace(t *testing.T) {
	trace, err := link.ReadTrace(strings.NewReader("1\n2\n4\n"))
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, Config{Up: link.Config{Trace: trace}})
	sendDatagrams(t, l, 50, 1400)
	if up := l.Certificate().Up; up.Rate != 9_000_000 || up.Achieved != 0 || up.Arrived != 50 {
		t.Errorf("%+v", up)
	}
}

// The relay counts what is later than the bound, to the nanosecond.
func TestRelayCountsOver(t *testing.T) {
	r := stoppedRelay(t, link.Config{})
	r.bound = time.Hour
	packets := func(now time.Duration) {
		b := piece4.but("", func(m *madePiece) { m.payload = 2 * m.segment }).bytes()
		cut(readVnet(b), b[vnetHeader:], &r.pool, func(s *slot) { r.enter(Down, s, now) })
	}
	packets(0)
	r.advance(0)
	r.start = r.start.Add(-2 * time.Hour)
	packets(time.Hour / 2)
	r.advance(time.Hour / 2)
	if way := r.ways[Down].way(link.Config{}); way.Over != 2 || way.Arrived != 4 {
		t.Errorf("%d of %d are over the bound, want 2 of 4", way.Over, way.Arrived)
	}
}

// A link that delays without a rate does not hold whatever is sent.
func TestRelayRefuses(t *testing.T) {
	r := stoppedRelay(t, link.Config{Delay: time.Second})
	r.pool.most = 5
	b := piece4.bytes() // 11 packets
	cut(readVnet(b), b[vnetHeader:], &r.pool, func(s *slot) { r.enter(Down, s, 0) })
	var c Certificate
	r.certify(&c)
	if c.Overrun != 6 || c.Down.Packets != 5 || r.pool.inUse() != 5 {
		t.Errorf("%d refused, %d entered, %d under way", c.Overrun, c.Down.Packets, r.pool.inUse())
	}
	r.advance(time.Second)
	if r.ways[Down].late.count != 5 || r.pool.inUse() != 0 {
		t.Errorf("%d arrived", r.ways[Down].late.count)
	}
}
