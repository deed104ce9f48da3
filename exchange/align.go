package exchange

// A found is the request of a response: its index, -1 if it is not in the capture.
type found struct {
	request int
	doubt   bool // another is nearly as likely
}

// A tail says what is known of what comes behind the last response.
type tail struct {
	depth int  // the most requests that were seen under way at once
	lost  bool // responses may be hidden behind it
	more  bool // requests may be hidden behind the last one
	ends  bool // the server sent nothing behind it
}

// Costs, in the unit of likeness: about the logarithm of how many times less likely.
const (
	costNever   = 20 // a message without a counterpart, where nothing was lost
	costPerhaps = 1  // one, where messages may be hidden
	costLate    = 3  // a request at the end without a response, though the connection goes on
	costDoubt   = 1.5
)

// align finds the most likely pairs of requests and responses in their order. Either
// may be missing where the other direction has a gap. It is the alignment of two
// sequences as biologists do it (Needleman and Wunsch 1970), from both ends, so that
// it is seen how much worse the second best is.
func align(requests, responses []*part, t tail) []found {
	const most = 1024 // that are without a response, before as many are looked at in vain
	requests = requests[:min(len(requests), len(responses)+most)]
	a := newAlignment(requests, responses, t)
	a.fillForward()
	a.fillBackward()
	return a.trace()
}

// An alignment holds, for i requests and j responses, the best likeness of what comes
// before, and of what comes behind.
type alignment struct {
	requests, responses []*part
	like                []float32 // of request i and response j
	skipRequest         []float32 // between responses j-1 and j
	skipResponse        []float32 // between requests i-1 and i
	before, behind      []float32
}

func newAlignment(requests, responses []*part, t tail) *alignment {
	n, m := len(requests), len(responses)
	a := &alignment{
		requests: requests, responses: responses,
		like:         make([]float32, n*m),
		skipRequest:  make([]float32, m+1),
		skipResponse: make([]float32, n+1),
		before:       make([]float32, (n+1)*(m+1)),
		behind:       make([]float32, (n+1)*(m+1)),
	}
	size := averageSize(responses, 4096)
	for j, p := range responses {
		a.skipRequest[j] = p.before.cost(p, size)
	}
	a.skipRequest[m] = costLate
	switch {
	case t.ends:
		a.skipRequest[m] = 0
	case t.lost:
		a.skipRequest[m] = costPerhaps
	}
	size = averageSize(requests, 500)
	for i, p := range requests {
		a.skipResponse[i] = p.before.cost(p, size)
	}
	a.skipResponse[n] = costNever
	if t.more {
		a.skipResponse[n] = costPerhaps
	}
	for i := range requests {
		for j := range responses {
			a.like[i*m+j] = likeness(requests, i, responses[j], t.depth)
		}
	}
	return a
}

// averageSize is that of the messages that are complete, or what is usual if none is.
func averageSize(messages []*part, usual int64) int64 {
	sum, n := int64(0), int64(0)
	for _, p := range messages {
		if p.Complete && len(p.Ranges) > 0 {
			sum, n = sum+p.Head+p.Body, n+1
		}
	}
	if n == 0 {
		return usual
	}
	return max(sum/n, leastSize)
}

// leastSize is that of the smallest message: "GET / HTTP/1.0" and two line ends.
const leastSize = 18

// cost is that of each message that is to be hidden in the gap, if messages take so
// many bytes.
func (g gap) cost(behind *part, size int64) float32 {
	if !g.open {
		return costNever
	}
	if g.from < 0 {
		return costPerhaps
	}
	switch n := behind.Start() - g.from; {
	case n < min(100, size*3/4):
		return costNever / 2
	case n < size:
		return 3 * costPerhaps
	case n < 4*size:
		return costPerhaps
	}
	return costPerhaps / 2.
}

func (a *alignment) fillForward() {
	n, m := len(a.requests), len(a.responses)
	w := m + 1
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			if i == 0 && j == 0 {
				continue
			}
			best := float32(-1e9)
			if i > 0 {
				best = max(best, a.before[(i-1)*w+j]-a.skipRequest[j])
			}
			if j > 0 {
				best = max(best, a.before[i*w+j-1]-a.skipResponse[i])
			}
			if i > 0 && j > 0 {
				best = max(best, a.before[(i-1)*w+j-1]+a.like[(i-1)*m+j-1])
			}
			a.before[i*w+j] = best
		}
	}
}

func (a *alignment) fillBackward() {
	n, m := len(a.requests), len(a.responses)
	w := m + 1
	for i := n; i >= 0; i-- {
		for j := m; j >= 0; j-- {
			if i == n && j == m {
				continue
			}
			best := float32(-1e9)
			if i < n {
				best = max(best, a.behind[(i+1)*w+j]-a.skipRequest[j])
			}
			if j < m {
				best = max(best, a.behind[i*w+j+1]-a.skipResponse[i])
			}
			if i < n && j < m {
				best = max(best, a.behind[(i+1)*w+j+1]+a.like[i*m+j])
			}
			a.behind[i*w+j] = best
		}
	}
}

// trace follows the best way. Of two as good, it takes the one with fewer gaps here.
func (a *alignment) trace() []found {
	n, m := len(a.requests), len(a.responses)
	w := m + 1
	out := make([]found, m)
	i := 0
	for j := 0; j < m; {
		rest := a.behind[i*w+j]
		switch {
		case i < n && a.behind[(i+1)*w+j+1]+a.like[i*m+j] >= rest-1e-3:
			out[j] = found{request: i, doubt: a.doubt(i, j)}
			i, j = i+1, j+1
		case i < n && a.behind[(i+1)*w+j]-a.skipRequest[j] >= rest-1e-3:
			i++
		default:
			out[j].request = -1
			j++
		}
	}
	return out
}

// doubt says whether response j could as well belong to another request than i.
func (a *alignment) doubt(i, j int) bool {
	n, m := len(a.requests), len(a.responses)
	w := m + 1
	total := a.behind[0]
	for k := range n {
		if k == i {
			continue
		}
		if a.before[k*w+j]+a.like[k*m+j]+a.behind[(k+1)*w+j+1] > total-costDoubt {
			return true
		}
	}
	for k := 0; k <= n; k++ {
		if a.before[k*w+j]-a.skipResponse[k]+a.behind[k*w+j+1] > total-costDoubt {
			return true
		}
	}
	return false
}
