package grade

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/origin"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/timeline"
)

// The keystone of the house: what the client says happened and what its packets show
// happened are the same. A page is fetched in the lab; the client tells its timelines,
// the tap its packets, package cause makes timelines of these, and the two are laid
// side by side.

// A keystone is one way to fetch a page.
type keystone struct {
	strategy string
	site     *origin.Site
	tls      bool
}

func (k keystone) String() string {
	if k.tls {
		return k.strategy + " over TLS"
	}
	return k.strategy
}

// TestKeystone fetches a page with each strategy. What does not depend on the time must
// agree in every run. Each time must agree in one of several: a machine that is busy is
// late with packets, which the link's certificate tells, and lets a client wait for
// what it has, which nobody tells; but not twice at the same place.
func TestKeystone(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skipf("no lab can be made here, so nothing is compared: %v", err)
	}
	var all []keystone
	for _, s := range linger.Strategies() {
		all = append(all, keystone{s.Name, origin.Classic(), false})
	}
	all = append(all, keystone{"persistent6", origin.Modern(), true}, keystone{multiplexed, origin.Modern(), true})
	for _, k := range all {
		t.Run(k.String(), k.test)
	}
}

// mostFetches is how often a page is fetched until all times have agreed.
const mostFetches = 4

func (k keystone) test(t *testing.T) {
	var off map[string]string
	for run := range mostFetches {
		f, err := k.fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		said, err := f.Explained(Receiver)
		if err != nil {
			t.Fatal(err)
		}
		c := comparison{off: make(map[string]string)}
		c.all(f, said)
		t.Logf("run %d: %v", run+1, &c)
		if f.Certificate.Late {
			t.Logf("the link was late: %v", f.Certificate.Defects)
		}
		for _, text := range c.wrong {
			t.Error(text)
		}
		if off = common(off, c.off); len(off) == 0 || t.Failed() {
			break
		}
	}
	for _, text := range off {
		t.Error(text)
	}
}

// common is what is off again. Before the first run, that is nil: all may be.
func common(before, now map[string]string) map[string]string {
	if before != nil {
		maps.DeleteFunc(now, func(name, _ string) bool { return before[name] == "" })
	}
	return now
}

// cable is a link like a cable modem's. The client's kernel may send many segments
// before the first is acknowledged: a request that it holds back leaves later than it
// was written, and no packet tells by how much.
func (k keystone) cable() Scenario {
	return Scenario{
		Seed: 1, RTT: 28 * ms, Rate: 5e6, Client: lab.Kernel{InitialWindow: 100},
		Strategy: k.strategy, TLS: k.tls, KeyLog: k.tls,
	}
}

// fetch fetches the page in a lab of its own.
func (k keystone) fetch(ctx context.Context) (*Facts, error) {
	s := k.cable()
	book := newNotebook()
	up, down := s.links()
	l, err := lab.New(lab.Config{
		Up: up, Down: down, Seed: s.Seed, Client: s.Client, Tap: book.tap, Bound: s.late(),
	})
	if err != nil {
		return nil, err
	}
	certificate, err := k.visit(ctx, l, book)
	if err := errors.Join(err, l.Close()); err != nil {
		return nil, err
	}
	f := book.facts(s)
	f.Certificate = certificate
	return f, nil
}

// visit starts the site and loads its page.
func (k keystone) visit(ctx context.Context, l *lab.Lab, book *notebook) (lab.Certificate, error) {
	srv, err := k.serve(l)
	if err != nil {
		return lab.Certificate{}, err
	}
	strategy, err := linger.StrategyNamed(k.strategy)
	if err != nil {
		return lab.Certificate{}, err
	}
	transport := &linger.Transport{
		Strategy: strategy, Jitter: -1, DialContext: l.Client.DialContext, Observe: book.observe,
		TLSClientConfig: &tls.Config{RootCAs: srv.CertPool(), KeyLogWriter: book},
	}
	p, err := page.Load(ctx, transport, srv.URL(), page.Options{})
	for _, o := range p.Objects {
		err = errors.Join(err, o.Err)
	}
	transport.Close()
	quiet, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = errors.Join(err, l.Quiet(quiet))
	return l.Certificate(), errors.Join(err, srv.Close())
}

func (k keystone) serve(l *lab.Lab) (*origin.Server, error) {
	c := origin.Config{Site: k.site, TLS: k.tls, Host: lab.DefaultName}
	first := 80
	if k.tls {
		first = 443
	}
	for i := range k.site.Origins {
		listener, err := l.Server.Listen("tcp", net.JoinHostPort("", strconv.Itoa(first+i)))
		if err != nil {
			return nil, err
		}
		c.Listeners = append(c.Listeners, listener)
	}
	return origin.Start(c)
}

// observe notes what a client says of an exchange, in the time of the notebook.
func (n *notebook) observe(e *timeline.Exchange) {
	told := Told{e.Number, *e}
	told.Timeline.Start = n.clock.start.Add(e.Start.Sub(n.clock.start)) // by the monotonic clock
	n.with(func() { n.told = append(n.told, told) })
}

// A comparison lays what the client says beside what packets show.
type comparison struct {
	wrong []string          // what is not the same, whatever the time
	off   map[string]string // times that are too far apart, by what they are of
	apart []time.Duration   // by how much times differ
	ahead int               // exchanges on connections that were opened before they began
	count int
}

// String is the distribution of the differences in time.
func (c *comparison) String() string {
	if len(c.apart) == 0 {
		return "nothing compared"
	}
	slices.Sort(c.apart)
	at := func(q float64) time.Duration {
		return c.apart[int(q*float64(len(c.apart)-1))].Round(time.Microsecond)
	}
	return fmt.Sprintf("%d exchanges, before %d of which their connection was begun; %d times differ by %v at the median, %v at p90, %v at p99, %v at most, %d too much",
		c.count, c.ahead, len(c.apart), at(0.5), at(0.9), at(0.99), at(1), len(c.off))
}

// all compares all exchanges: none may be missing, and none be there besides.
func (c *comparison) all(f *Facts, said []*cause.Explained) {
	shown := make(map[string]*cause.Explained)
	for _, x := range said {
		name := nameOf(x.Timeline)
		if shown[name] != nil {
			c.wrong = append(c.wrong, "packets show it twice: "+name)
		}
		shown[name] = x
	}
	for i := range f.Told {
		client := &f.Told[i].Timeline
		name := nameOf(client)
		x := shown[name]
		if x == nil {
			c.wrong = append(c.wrong, "packets do not show "+name+" "+client.URL)
			continue
		}
		delete(shown, name)
		c.count++
		c.same(name, client, x)
		c.times(client, x)
	}
	for name, x := range shown {
		c.wrong = append(c.wrong, "the client does not know "+name+" "+x.Timeline.URL)
	}
}

// nameOf tells exchanges apart: the connection, and how many-th on it.
func nameOf(e *timeline.Exchange) string {
	return fmt.Sprintf("%v-%v #%d", e.Conn.Local, e.Conn.Remote, e.Nth)
}

// same compares what does not depend on the time.
func (c *comparison) same(name string, client *timeline.Exchange, x *cause.Explained) {
	wire := x.Timeline
	if err := wire.Check(); err != nil {
		c.wrong = append(c.wrong, fmt.Sprintf("%s: %v", name, err))
	}
	if x.Source.Inferred || wire.Error != "" || client.Error != "" {
		c.wrong = append(c.wrong, fmt.Sprintf("%s: inferred %v, %q, the client's %q", name, x.Source.Inferred, wire.Error, client.Error))
	}
	type facts struct {
		method, url, protocol, tls string
		status                     int
		sent, received             timeline.Bytes
	}
	of := func(e *timeline.Exchange) facts {
		return facts{e.Method, e.URL, e.Protocol, e.Conn.TLS, e.Status, e.Sent, e.Received}
	}
	if told, shown := of(client), of(wire); told != shown {
		c.wrong = append(c.wrong, fmt.Sprintf("%s: the client says %+v, packets %+v", name, told, shown))
	}
}

// nearly is by how much times may differ: packets come and go a little before and after
// a program's own work.
func nearly(e *timeline.Exchange) time.Duration { return 3*time.Millisecond + e.Duration/50 }

// times compares when things happened. What packets show lies within what the client
// says, for it had to write before they left, and could read when they had come. But a
// connection may have been opened before its first exchange began, for another one,
// which packets cannot know: of that, they are held against what is the exchange's.
func (c *comparison) times(client *timeline.Exchange, x *cause.Explained) {
	from := x.Timeline.Start
	if x.Timeline.Nth == 1 && x.Source.Conn.Opening.FirstSYN < client.Start.UnixNano() {
		c.ahead++
		from = client.Start
	}
	told, shown := momentsOf(client), shownMoments(client.Start, from, x)
	if outside := max(told[0].at-shown[0].at, shown[2].at-told[2].at); outside > ms {
		c.off[client.URL+" outside"] = fmt.Sprintf("packets show %s for %v longer than the client", client.URL, outside)
	}
	for i, m := range told {
		apart := shown[i].at - m.at
		c.apart = append(c.apart, max(apart, -apart))
		if max(apart, -apart) > nearly(client) {
			c.off[client.URL+" "+m.what] = fmt.Sprintf("%s of %s: %v by the client, %v by packets, of %v", m.what, client.URL, m.at, shown[i].at, client.Duration)
		}
	}
}

// A moment is a time since the client's start, or how long something took.
type moment struct {
	what string
	at   time.Duration
}

// momentsOf are what a client's timeline says of an exchange.
func momentsOf(e *timeline.Exchange) []moment {
	begins := e.Duration
	for _, s := range e.Spans {
		if s.Phase != timeline.Queue {
			begins = min(begins, s.Start)
		}
	}
	return []moment{
		{"beginning", begins}, {"first byte", startOf(e, timeline.Receive)}, {"end", e.Duration},
		{"connecting", within(e, timeline.Connect, 0)}, {"TLS", within(e, timeline.TLS, 0)},
		{"sent", startOf(e, timeline.Wait)},
	}
}

// shownMoments are the same of what packets show from a time on.
func shownMoments(start, from time.Time, x *cause.Explained) []moment {
	e := x.Timeline
	begins, cut := e.Start.Sub(start), from.Sub(e.Start)
	return []moment{
		{"beginning", begins + cut},
		{"first byte", begins + startOf(e, timeline.Receive)}, {"end", begins + e.Duration},
		{"connecting", within(e, timeline.Connect, cut)}, {"TLS", within(e, timeline.TLS, cut)},
		{"sent", begins + startOf(e, timeline.Wait)},
	}
}

// within sums the spans of a phase from a time on.
func within(e *timeline.Exchange, p timeline.Phase, from time.Duration) time.Duration {
	var sum time.Duration
	for _, s := range e.Spans {
		if s.Phase == p {
			sum += max(0, s.End-max(s.Start, from))
		}
	}
	return sum
}

// startOf is when a timeline first enters a phase; its end, if it does not.
func startOf(e *timeline.Exchange, p timeline.Phase) time.Duration {
	for _, s := range e.Spans {
		if s.Phase == p {
			return s.Start
		}
	}
	return e.Duration
}
