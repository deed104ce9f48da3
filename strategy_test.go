package linger

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	var (
		idle      = connView{free: 1}
		fresh     = connView{free: 1, fresh: true}
		busy      = connView{inFlight: 1}
		pipeline  = func(n int) connView { return connView{inFlight: n, free: 8 - n} }
		streams   = func(n int) connView { return connView{inFlight: n, free: 100 - n, multiplexed: true} }
		usedUp    = connView{inFlight: 100, multiplexed: true}
		newStream = connView{free: 100, fresh: true, multiplexed: true}
	)
	for _, tt := range []struct {
		name   string
		origin originView
		conns  []connView
		want   int
		reason string
	}{
		{"nothing open", originView{}, nil, -1, ""},
		{"all busy", originView{open: 2, limit: 2}, []connView{busy, busy}, -1, ""},
		{"the first idle one", originView{open: 3}, []connView{busy, idle, idle}, 1, "reused: idle"},
		{"new, no limit", originView{open: 3}, []connView{fresh, busy, busy}, 0, "new connection: 3 open"},
		{"new, with a limit", originView{open: 3, limit: 6}, []connView{fresh, busy, busy}, 0, "new connection: 3 of 6 open"},
		{"idle before a pipeline", originView{open: 2, limit: 2}, []connView{pipeline(1), pipeline(0)}, 1, "reused: idle"},
		{"the shortest pipeline", originView{open: 3, limit: 3}, []connView{pipeline(5), pipeline(2), pipeline(3)}, 1, "pipelined behind 2"},
		{"no pipeline while there is room", originView{open: 1, limit: 2}, []connView{pipeline(1)}, -1, ""},
		{"no pipeline without a limit", originView{open: 1}, []connView{pipeline(1)}, -1, ""},
		{"a dial takes the room", originView{open: 1, dialling: 1, limit: 2}, []connView{pipeline(1)}, 0, "pipelined behind 1"},
		{"a full pipeline", originView{open: 1, limit: 1}, []connView{pipeline(8)}, -1, ""},
		{"exclusive stands behind nobody", originView{open: 1, limit: 1, exclusive: true}, []connView{pipeline(1)}, -1, ""},
		{"exclusive on an idle one", originView{open: 2, limit: 2, exclusive: true}, []connView{pipeline(1), pipeline(0)}, 1, "reused: idle"},
		{"a stream, room or not", originView{open: 1, limit: 3}, []connView{streams(7)}, 0, "stream beside 7 others"},
		{"an exclusive one on a stream", originView{open: 1, exclusive: true}, []connView{streams(7)}, 0, "stream beside 7 others"},
		{"the least loaded", originView{open: 3, limit: 3}, []connView{streams(9), streams(4), streams(5)}, 1, "stream beside 4 others"},
		{"streams used up", originView{open: 2, limit: 2}, []connView{usedUp, usedUp}, -1, ""},
		{"around the used up", originView{open: 2, limit: 2}, []connView{usedUp, streams(99)}, 1, "stream beside 99 others"},
		{"a new one for streams", originView{open: 2, limit: 2}, []connView{newStream, usedUp}, 0, "new connection: 2 of 2 open"},
		{"retired", originView{open: 1, limit: 1}, []connView{{free: 0}}, -1, ""},
		{"fewer slots than are lent", originView{open: 1, limit: 1}, []connView{{inFlight: 5, free: -4, multiplexed: true}}, -1, ""},
		{"HTTP/1.1 beside HTTP/2 is no stream", originView{open: 2}, []connView{pipeline(1), usedUp}, -1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, reason := choose(tt.origin, tt.conns)
			if got != tt.want || reason != tt.reason {
				t.Errorf("chose %d (%q), want %d (%q)", got, reason, tt.want, tt.reason)
			}
		})
	}
}

func TestMayDial(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    originView
		want bool
	}{
		{"nobody waits", originView{perDial: 1}, false},
		{"the first", originView{waiting: 1, perDial: 1}, true},
		{"no more dials than waiters", originView{waiting: 2, dialling: 2, perDial: 1}, false},
		{"one for each waiter", originView{waiting: 3, dialling: 2, perDial: 1}, true},
		{"at the limit", originView{waiting: 3, open: 4, dialling: 2, limit: 6, perDial: 1}, false},
		{"below the limit", originView{waiting: 3, open: 3, dialling: 2, limit: 6, perDial: 1}, true},
		{"above the limit, after it was lowered", originView{waiting: 3, open: 6, limit: 2, perDial: 1}, false},
		{"one dial serves many streams", originView{waiting: 100, dialling: 1, limit: 3, perDial: 100}, false},
		{"a second when they do not suffice", originView{waiting: 101, dialling: 1, limit: 3, perDial: 100}, true},
		{"a dial serves at least one", originView{waiting: 1, dialling: 1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.v.mayDial(); got != tt.want {
				t.Errorf("mayDial of %+v is %v", tt.v, got)
			}
		})
	}
}

func TestStrategyNamed(t *testing.T) {
	for _, s := range Strategies() {
		if got := named(t, s.Name); got != s {
			t.Errorf("%s is %+v, want %+v", s.Name, got, s)
		}
	}
	_, err := StrategyNamed("quick")
	if err == nil || !strings.Contains(err.Error(), `"quick"`) || !strings.Contains(err.Error(), "persistent6") {
		t.Errorf("an unknown name is answered with %v", err)
	}
}

func TestStrategyDefaults(t *testing.T) {
	for _, tt := range []struct {
		name            string
		s               Strategy
		depth, lifetime int
	}{
		{"zero", Strategy{}, 1, 0},
		{"HTTP/1.0 ends with the exchange", Strategy{Protocol: HTTP10, Depth: 8, Exchanges: 5}, 1, 1},
		{"negative depth", Strategy{Depth: -3}, 1, 0},
		{"pipelined", Strategy{Depth: 8, Exchanges: 20}, 8, 20},
	} {
		if d, l := tt.s.depth(), tt.s.lifetime(); d != tt.depth || l != tt.lifetime {
			t.Errorf("%s: depth %d and lifetime %d, want %d and %d", tt.name, d, l, tt.depth, tt.lifetime)
		}
	}
}
