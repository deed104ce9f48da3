package grade

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/lingerhttp/linger/link"
)

// Draw draws scenario number, from 1, of a seed. Each is drawn to show something: the
// themes take turns, so that each cause has its share of the time.
func Draw(seed uint64, number int) Scenario {
	r := &drawer{rand.New(rand.NewPCG(seed, uint64(number)))}
	theme := themes[(number-1)%len(themes)]
	s := r.any()
	s.Number, s.Seed, s.Theme = number, seed<<20|uint64(number), theme.name
	theme.set(r, &s)
	s.bound()
	return s
}

// Scenarios draws so many.
func Scenarios(seed uint64, n int) []Scenario {
	all := make([]Scenario, 0, n)
	for i := range n {
		all = append(all, Draw(seed, i+1))
	}
	return all
}

const ms = time.Millisecond

// A drawer draws by lot.
type drawer struct{ *rand.Rand }

func pick[T any](r *drawer, of ...T) T { return of[r.IntN(len(of))] }

// chance is true once in n times.
func (r *drawer) chance(n int) bool { return r.IntN(n) == 0 }

// size draws a number such that each factor is as likely as the next.
func (r *drawer) size(low, high float64) int {
	return int(low * math.Pow(high/low, r.Float64()))
}

func (r *drawer) between(low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)+1)).Round(100*time.Microsecond)
}

// any draws a scenario of everything.
func (r *drawer) any() Scenario {
	s := Scenario{
		RTT:      pick(r, 5*ms, 10*ms, 20*ms, 40*ms, 80*ms, 120*ms, 200*ms),
		Rate:     pick[link.Rate](r, 1e6, 2e6, 5e6, 10e6, 20e6, 50e6, 0),
		Strategy: pick(r, "serial", "parallel", "persistent", "persistent6", "pipelined", multiplexed),
		AtOnce:   pick(r, 1, 1, 3, 6),
		Nagle:    r.chance(3),
		Apart:    r.chance(3),
		TLS:      r.chance(6),
	}
	s.KeyLog = s.TLS
	s.Server.Congestion = pick(r, "reno", "cubic", "cubic", "bbr")
	s.Server.InitialWindow = pick(r, 2, 4, 10, 10)
	s.Client.QuickACK = r.chance(4)
	s.Queue = r.queue(&s)
	if r.chance(20) {
		s.Jitter = s.RTT / 20
	}
	for range 3 + r.IntN(10) {
		s.Plans = append(s.Plans, Plan{
			Size:  r.size(200, 200e3),
			Think: r.think(),
			Gap:   time.Duration(r.IntN(4)/3) * r.between(0, 50*ms),
		})
	}
	return s
}

// think draws how long a server thinks, which often is not at all.
func (r *drawer) think() time.Duration {
	if r.chance(2) {
		return 0
	}
	return r.between(ms, 200*ms)
}

// queue draws a small queue, one of a bandwidth-delay product, or one of four.
func (r *drawer) queue(s *Scenario) link.Queue {
	product := int(int64(s.Rate) * int64(s.RTT) / int64(time.Second) / 8 / 1500)
	return link.Queue{Packets: pick(r, 10, max(10, product), max(40, 4*product))}
}

// each changes all plans.
func (s *Scenario) each(f func(*Plan)) {
	for i := range s.Plans {
		f(&s.Plans[i])
	}
}

// A theme makes a scenario show something.
type theme struct {
	name string
	set  func(*drawer, *Scenario)
}

var themes = []theme{
	{"any", func(*drawer, *Scenario) {}},
	{"nagle", themeNagle},
	{"loss", themeLoss},
	{"handshake", themeHandshake},
	{"window", themeWindow},
	{"slow start", themeSlowStart},
	{"pipeline", themePipeline},
	{"queueing", themeQueueing},
	{"stall", themeStall},
	{"reader", themeReader},
	{"bulk", themeBulk},
	{"streams", themeStreams},
	{"congestion", themeCongestion},
	{"tls", themeTLS},
	{"names", themeNames},
	{"delayed", themeNagle},
	{"syn", themeSYN},
	{"upload", themeUpload},
	{"think", themeThink},
	{"loss2", themeLoss},
}

func themeNagle(r *drawer, s *Scenario) {
	s.Nagle, s.Apart, s.AtOnce = true, true, 1
	s.Strategy = pick(r, "persistent", "persistent", "persistent6", multiplexed)
	s.RTT = pick(r, 5*ms, 10*ms, 20*ms, 40*ms, 80*ms)
	s.Client.QuickACK = r.chance(4)
	for len(s.Plans) < 10 {
		s.Plans = append(s.Plans, s.Plans[0])
	}
	s.each(func(p *Plan) { p.Size, p.Think = r.size(200, 6000), p.Think/8 })
}

func themeLoss(r *drawer, s *Scenario) {
	s.Loss = link.Probability(pick(r, 0.003, 0.005, 0.01, 0.02))
	s.each(func(p *Plan) { p.Size, p.Think = r.size(20e3, 500e3), 0 })
}

func themeHandshake(r *drawer, s *Scenario) {
	s.Strategy = pick(r, "serial", "serial", "parallel")
	s.each(func(p *Plan) { p.Size, p.Think = r.size(200, 5000), p.Think/4 })
}

func themeWindow(r *drawer, s *Scenario) {
	s.RTT = pick(r, 20*ms, 40*ms, 80*ms, 120*ms)
	s.Rate = pick[link.Rate](r, 10e6, 20e6, 50e6, 0)
	s.Client.ReceiveBuffer = pick(r, 8<<10, 16<<10, 32<<10, 64<<10)
	s.Queue = link.Queue{Packets: 200}
	s.each(func(p *Plan) { p.Size, p.Think = r.size(50e3, 500e3), p.Think/8 })
}

func themeSlowStart(r *drawer, s *Scenario) {
	s.RTT = pick(r, 40*ms, 80*ms, 120*ms, 200*ms)
	s.Rate = pick[link.Rate](r, 10e6, 20e6, 50e6, 0)
	s.Queue = link.Queue{Packets: 400}
	s.Server.InitialWindow = pick(r, 2, 4, 10)
	s.each(func(p *Plan) { p.Size, p.Think = r.size(20e3, 300e3), 0 })
}

func themePipeline(r *drawer, s *Scenario) {
	s.Strategy, s.AtOnce = "pipelined", 6
	s.each(func(p *Plan) { p.Size, p.Gap = r.size(1000, 100e3), 0 })
}

func themeQueueing(r *drawer, s *Scenario) {
	s.Strategy, s.AtOnce = pick(r, "parallel", "persistent6"), 6
	s.Rate = pick[link.Rate](r, 1e6, 2e6, 5e6, 10e6)
	s.Queue = link.Queue{Packets: 300}
	s.RTT = pick(r, 5*ms, 10*ms, 20*ms, 40*ms)
	s.each(func(p *Plan) { p.Size, p.Think, p.Gap = r.size(5e3, 200e3), p.Think/8, 0 })
}

func themeStall(r *drawer, s *Scenario) {
	s.each(func(p *Plan) {
		p.Size, p.Pieces, p.Stall, p.Think = r.size(1000, 100e3), 2+r.IntN(4), r.between(10*ms, 100*ms), p.Think/8
	})
}

func themeReader(r *drawer, s *Scenario) {
	s.Strategy = pick(r, "serial", "persistent", "persistent6", "parallel")
	s.AtOnce = pick(r, 1, 1, 2)
	s.Rate = pick[link.Rate](r, 10e6, 20e6, 50e6, 0)
	s.Client.ReceiveBuffer = pick(r, 8<<10, 16<<10, 32<<10)
	s.each(func(p *Plan) {
		p.Size, p.Think = r.size(40e3, 200e3), 0
		p.ReadSize, p.ReadPause = pick(r, 4<<10, 8<<10, 16<<10), r.between(10*ms, 60*ms)
	})
}

func themeBulk(r *drawer, s *Scenario) {
	s.Rate = pick[link.Rate](r, 2e6, 5e6, 10e6, 20e6)
	s.RTT = pick(r, 5*ms, 10*ms, 20*ms, 40*ms)
	s.AtOnce = 1
	s.Queue = link.Queue{Packets: 400}
	s.each(func(p *Plan) { p.Size, p.Think = r.size(100e3, 2e6), 0 })
}

func themeStreams(r *drawer, s *Scenario) {
	s.Strategy, s.AtOnce = multiplexed, 6
	s.Rate = pick[link.Rate](r, 1e6, 2e6, 5e6, 10e6)
	s.each(func(p *Plan) { p.Size, p.Think, p.Gap = r.size(5e3, 200e3), p.Think/4, 0 })
}

func themeCongestion(r *drawer, s *Scenario) {
	s.Server.Congestion = pick(r, "reno", "cubic")
	s.RTT = pick(r, 20*ms, 40*ms, 80*ms)
	s.Rate = pick[link.Rate](r, 10e6, 20e6, 50e6)
	s.Queue = link.Queue{Packets: pick(r, 10, 20)}
	s.AtOnce, s.TLS, s.KeyLog = 1, false, false
	s.Strategy = pick(r, "persistent", multiplexed, "pipelined")
	s.each(func(p *Plan) { p.Size, p.Think = r.size(200e3, 1e6), 0 })
}

func themeTLS(r *drawer, s *Scenario) {
	s.TLS = true
	s.Strategy = pick(r, "serial", "parallel", "persistent6", multiplexed, "pipelined")
	s.KeyLog = s.Strategy == multiplexed || s.Strategy == "pipelined" || r.chance(2)
}

func themeNames(r *drawer, s *Scenario) {
	s.DNS = true
	s.Strategy = pick(r, "serial", "parallel", "serial")
	s.each(func(p *Plan) { p.Size, p.Think = r.size(200, 20e3), p.Think/4 })
}

// themeSYN loses one SYN or SYN-ACK, which costs a second.
func themeSYN(r *drawer, s *Scenario) {
	s.Strategy = pick(r, "serial", "parallel", "persistent")
	lost := link.Drop{Conn: 1 + r.IntN(2), Kind: link.SYN, Nth: 1}
	if s.Strategy == "persistent" {
		lost.Conn = 1
	}
	if r.chance(2) {
		lost.Kind = link.SYNACK
		s.DropDown = []link.Drop{lost}
	} else {
		s.DropUp = []link.Drop{lost}
	}
	s.each(func(p *Plan) { p.Size, p.Think = r.size(200, 5000), p.Think/8 })
}

func themeUpload(r *drawer, s *Scenario) {
	s.ClientNagle = r.chance(2)
	s.Client.InitialWindow = pick(r, 2, 4, 10)
	s.Client.Congestion = pick(r, "reno", "cubic")
	s.each(func(p *Plan) { p.Upload, p.Size, p.Think = r.size(500, 200e3), r.size(200, 5000), p.Think/4 })
}

func themeThink(r *drawer, s *Scenario) {
	s.each(func(p *Plan) { p.Size, p.Think = r.size(200, 20e3), r.between(20*ms, 200*ms) })
}

// mostTime is how long a scenario may take, by a rough estimate.
const mostTime = 2 * time.Second

// fewest is how many exchanges a scenario has at least.
const fewest = 3

// bound makes the scenario smaller until it does not take too long: first fewer
// exchanges, then smaller ones.
func (s *Scenario) bound() {
	for s.estimate() > mostTime && len(s.Plans) > fewest {
		s.Plans = s.Plans[:len(s.Plans)-1]
	}
	for range 20 {
		if s.estimate() <= mostTime {
			return
		}
		s.each(func(p *Plan) {
			p.Size, p.Upload, p.Think = max(200, p.Size*3/4), p.Upload*3/4, p.Think*3/4
		})
	}
}

// estimate is about how long it takes.
func (s *Scenario) estimate() time.Duration {
	var sum, link time.Duration
	for _, p := range s.Plans {
		one, way := s.estimateOne(&p)
		sum, link = sum+one, link+way
	}
	together := 1
	switch s.Strategy {
	case "parallel", "persistent6", multiplexed:
		together = max(1, s.AtOnce)
	}
	return max(sum/time.Duration(together), link)
}

// estimateOne is about how long one exchange takes, and for how long the link sends it.
func (s *Scenario) estimateOne(p *Plan) (one, way time.Duration) {
	bytes := float64(p.Size + p.Upload)
	rounds := 1 + math.Log2(1+bytes/(1448*float64(max(2, s.Server.InitialWindow))))
	switch s.Strategy {
	case "serial", "parallel":
		rounds++
		if s.TLS {
			rounds++
		}
	}
	if b := s.Client.ReceiveBuffer; b > 0 {
		rounds = max(rounds, 2*bytes/float64(b))
	}
	if s.Loss > 0 {
		rounds += 2 + bytes/1448*float64(s.Loss)*4
	}
	if s.Rate > 0 {
		way = time.Duration(bytes * 8 * 1.05 / float64(s.Rate) * float64(time.Second))
	}
	one = way + p.Think + p.Gap + time.Duration(max(0, p.Pieces-1))*p.Stall + time.Duration(rounds*float64(s.RTT))
	if p.ReadPause > 0 {
		one += p.ReadPause * time.Duration(1+p.Size/max(1, p.ReadSize))
	}
	if s.Nagle && s.Apart && !s.Client.QuickACK {
		one += 40 * ms
	}
	return one, way
}
