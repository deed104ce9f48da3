package sockets

import (
	"encoding/binary"
	"fmt"
	"time"
)

// What the kernel knows of one TCP connection: its struct tcp_info.

// A TCPInfo is the kernel's struct tcp_info (include/uapi/linux/tcp.h) as of the
// 280 bytes of Linux 6.18. The kernel's names are kept, in Go's spelling; times
// have become Durations, which JSON writes in nanoseconds.
//
// Kernels have only ever added to the end. What a shorter one does not tell is
// zero, and [TCPInfo.Missing] names it. The last four bytes are left out: they
// hold the state of Accurate ECN's option, laid out in one way in Linux 6.18 and
// in another since.
type TCPInfo struct {
	// Length is how many bytes the kernel's record had.
	Length int `json:"length"`

	State       State   `json:"state"`
	CAState     CAState `json:"ca_state"`
	Retransmits uint8   `json:"retransmits"` // retransmissions by timeout in a row, now; 0 once something is acknowledged
	Probes      uint8   `json:"probes"`      // of a closed window, or of keep-alive, in a row and unanswered
	Backoff     uint8   `json:"backoff"`     // how often the timeout was doubled
	Options     Options `json:"options"`     // agreed in the handshake
	SndWScale   uint8   `json:"snd_wscale"`  // what the peer shifts its windows by (RFC 7323 §2)
	RcvWScale   uint8   `json:"rcv_wscale"`  // what we shift ours by

	// DeliveryRateAppLimited says that DeliveryRate was limited by how fast the
	// application wrote, and not by the path.
	DeliveryRateAppLimited bool  `json:"delivery_rate_app_limited"`
	FastOpenClientFail     uint8 `json:"fastopen_client_fail"` // TFO_STATUS_UNSPEC 0, COOKIE_UNAVAILABLE, DATA_NOT_ACKED, SYN_RETRANSMITTED

	RTO    time.Duration `json:"rto_ns"`  // retransmission timeout
	ATO    time.Duration `json:"ato_ns"`  // how long an acknowledgement may be delayed
	SndMSS uint32        `json:"snd_mss"` // octets
	RcvMSS uint32        `json:"rcv_mss"` // octets, a guess from what came

	Unacked uint32 `json:"unacked"` // segments sent and not acknowledged; of a listener, connections waiting to be accepted
	Sacked  uint32 `json:"sacked"`  // of these, segments selectively acknowledged; of a listener, the most that may wait
	Lost    uint32 `json:"lost"`    // of these, segments thought lost
	Retrans uint32 `json:"retrans"` // of these, segments sent again
	Fackets uint32 `json:"fackets"` // always 0 since Linux 4.15

	LastDataSent time.Duration `json:"last_data_sent_ns"` // ago
	LastAckSent  time.Duration `json:"last_ack_sent_ns"`  // always 0: Linux does not remember it
	LastDataRecv time.Duration `json:"last_data_recv_ns"` // ago
	LastAckRecv  time.Duration `json:"last_ack_recv_ns"`  // ago

	PMTU        uint32        `json:"pmtu"`         // octets
	RcvSsthresh uint32        `json:"rcv_ssthresh"` // octets: the window we would advertise now
	RTT         time.Duration `json:"rtt_ns"`       // smoothed (RFC 6298 §2)
	RTTVar      time.Duration `json:"rttvar_ns"`    // its mean deviation
	SndSsthresh uint32        `json:"snd_ssthresh"` // segments; InfiniteSsthresh until there was a loss
	SndCwnd     uint32        `json:"snd_cwnd"`     // segments
	AdvMSS      uint32        `json:"advmss"`       // octets: the MSS we told the peer
	Reordering  uint32        `json:"reordering"`   // segments by which some were seen to overtake others
	RcvRTT      time.Duration `json:"rcv_rtt_ns"`   // as the receiver estimates it; 0 until it can
	RcvSpace    uint32        `json:"rcv_space"`    // octets that the application reads in a round trip

	TotalRetrans uint32 `json:"total_retrans"` // segments sent again so far

	PacingRate    uint64 `json:"pacing_rate"`     // octets a second; Unlimited
	MaxPacingRate uint64 `json:"max_pacing_rate"` // octets a second; Unlimited
	BytesAcked    uint64 `json:"bytes_acked"`     // octets of ours that were acknowledged, SYN and FIN as one each
	BytesReceived uint64 `json:"bytes_received"`  // octets of the peer's that came, in order
	SegsOut       uint32 `json:"segs_out"`        // all, bare acknowledgements too
	SegsIn        uint32 `json:"segs_in"`

	NotSentBytes uint32        `json:"notsent_bytes"` // octets written by the application and not yet sent once
	MinRTT       time.Duration `json:"min_rtt_ns"`    // the smallest lately (5 minutes by default); 0 until there was one
	DataSegsIn   uint32        `json:"data_segs_in"`
	DataSegsOut  uint32        `json:"data_segs_out"`
	DeliveryRate uint64        `json:"delivery_rate"` // octets a second, as measured last

	BusyTime      time.Duration `json:"busy_time_ns"`      // with something to send
	RwndLimited   time.Duration `json:"rwnd_limited_ns"`   // of this, held up by the peer's window
	SndbufLimited time.Duration `json:"sndbuf_limited_ns"` // of this, held up by our send buffer

	Delivered    uint32 `json:"delivered"`     // segments of ours that arrived, those sent again counted too
	DeliveredCE  uint32 `json:"delivered_ce"`  // of these, marked for congestion
	BytesSent    uint64 `json:"bytes_sent"`    // octets, those sent again included
	BytesRetrans uint64 `json:"bytes_retrans"` // octets sent again
	DSACKDups    uint32 `json:"dsack_dups"`    // segments that the peer said it got twice
	ReordSeen    uint32 `json:"reord_seen"`    // times that segments were seen to overtake others
	RcvOOOPack   uint32 `json:"rcv_ooopack"`   // segments that came out of order
	SndWnd       uint32 `json:"snd_wnd"`       // octets: the peer's window, scaled
	RcvWnd       uint32 `json:"rcv_wnd"`       // octets: our window, scaled
	Rehash       uint32 `json:"rehash"`        // times that another path was tried after a timeout

	TotalRTO           uint16        `json:"total_rto"`            // timeouts so far, those of SYNs too
	TotalRTORecoveries uint16        `json:"total_rto_recoveries"` // recoveries from timeouts, one under way included
	TotalRTOTime       time.Duration `json:"total_rto_time_ns"`    // spent in these

	// Accurate ECN (RFC 9768).
	ReceivedCE       uint32 `json:"received_ce"`        // segments of the peer's that were marked for congestion
	DeliveredE1Bytes uint32 `json:"delivered_e1_bytes"` // octets of ours that arrived, by their ECN field
	DeliveredE0Bytes uint32 `json:"delivered_e0_bytes"`
	DeliveredCEBytes uint32 `json:"delivered_ce_bytes"`
	ReceivedE1Bytes  uint32 `json:"received_e1_bytes"` // and of the peer's
	ReceivedE0Bytes  uint32 `json:"received_e0_bytes"`
	ReceivedCEBytes  uint32 `json:"received_ce_bytes"`
}

const (
	// InfiniteSsthresh is a SndSsthresh that is no limit yet.
	InfiniteSsthresh uint32 = 1<<31 - 1

	// Unlimited is a pacing rate that is none.
	Unlimited uint64 = 1<<64 - 1

	// unmeasured is the kernel's MinRTT before there was one.
	unmeasured uint32 = 1<<32 - 1
)

const (
	// fullLength is how much of the kernel's record is known here.
	fullLength = 276

	// leastLength is the record of Linux 2.6, which no later one undercuts.
	leastLength = 104
)

// layout says where the fields end in the kernel's record, in its order.
var layout = [...]struct {
	name string
	end  int
}{
	{"state", 1}, {"ca_state", 2}, {"retransmits", 3}, {"probes", 4}, {"backoff", 5}, {"options", 6},
	{"snd_wscale", 7}, {"rcv_wscale", 7}, {"delivery_rate_app_limited", 8}, {"fastopen_client_fail", 8},
	{"rto", 12}, {"ato", 16}, {"snd_mss", 20}, {"rcv_mss", 24},
	{"unacked", 28}, {"sacked", 32}, {"lost", 36}, {"retrans", 40}, {"fackets", 44},
	{"last_data_sent", 48}, {"last_ack_sent", 52}, {"last_data_recv", 56}, {"last_ack_recv", 60},
	{"pmtu", 64}, {"rcv_ssthresh", 68}, {"rtt", 72}, {"rttvar", 76}, {"snd_ssthresh", 80}, {"snd_cwnd", 84},
	{"advmss", 88}, {"reordering", 92}, {"rcv_rtt", 96}, {"rcv_space", 100}, {"total_retrans", 104},
	{"pacing_rate", 112}, {"max_pacing_rate", 120}, {"bytes_acked", 128}, {"bytes_received", 136},
	{"segs_out", 140}, {"segs_in", 144}, {"notsent_bytes", 148}, {"min_rtt", 152}, {"data_segs_in", 156},
	{"data_segs_out", 160}, {"delivery_rate", 168}, {"busy_time", 176}, {"rwnd_limited", 184},
	{"sndbuf_limited", 192}, {"delivered", 196}, {"delivered_ce", 200}, {"bytes_sent", 208},
	{"bytes_retrans", 216}, {"dsack_dups", 220}, {"reord_seen", 224}, {"rcv_ooopack", 228}, {"snd_wnd", 232},
	{"rcv_wnd", 236}, {"rehash", 240}, {"total_rto", 242}, {"total_rto_recoveries", 244}, {"total_rto_time", 248},
	{"received_ce", 252}, {"delivered_e1_bytes", 256}, {"delivered_e0_bytes", 260}, {"delivered_ce_bytes", 264},
	{"received_e1_bytes", 268}, {"received_e0_bytes", 272}, {"received_ce_bytes", 276},
}

// Missing names the fields that the kernel did not tell, as the kernel names
// them: "min_rtt". They are zero.
func (i *TCPInfo) Missing() []string {
	var names []string
	for _, f := range layout {
		if f.end > i.Length {
			names = append(names, f.name)
		}
	}
	return names
}

// whole is where the last field ends that lies in n bytes.
func whole(n int) int {
	if n >= fullLength {
		return fullLength
	}
	end := 0
	for _, f := range layout {
		if f.end > n {
			break
		}
		end = f.end
	}
	return end
}

// ParseTCPInfo reads the kernel's record as getsockopt(TCP_INFO) and inet_diag
// hand it out, in this machine's byte order. A shorter one of an older kernel is
// taken as far as its fields are whole, and a longer one of a newer kernel as far
// as they are known. It is an error if there is less than any Linux ever gave: 104
// bytes.
func ParseTCPInfo(b []byte) (TCPInfo, error) {
	if len(b) < leastLength {
		return TCPInfo{}, fmt.Errorf("sockets: a tcp_info of %d bytes is too short: %d is the least", len(b), leastLength)
	}
	var r record
	copy(r[:], b[:whole(len(b))])
	i := TCPInfo{Length: len(b)}
	r.fixed(&i)
	r.added(&i)
	r.recent(&i)
	return i, nil
}

// A record is the kernel's, zero where the kernel's is shorter.
type record [fullLength]byte

// fixed reads what every Linux tells.
func (r *record) fixed(i *TCPInfo) {
	i.State, i.CAState, i.Options = State(r[0]), CAState(r[1]), Options(r[5])
	i.Retransmits, i.Probes, i.Backoff = r[2], r[3], r[4]
	i.SndWScale, i.RcvWScale = low(r[6], 4), r[6]>>4
	i.DeliveryRateAppLimited, i.FastOpenClientFail = low(r[7], 1) == 1, low(r[7]>>1, 2)
	if bigEndian {
		i.SndWScale, i.RcvWScale = i.RcvWScale, i.SndWScale
		i.DeliveryRateAppLimited, i.FastOpenClientFail = r[7]>>7 == 1, low(r[7]>>5, 2)
	}
	i.RTO, i.ATO, i.SndMSS, i.RcvMSS = r.micros(8), r.micros(12), r.u32(16), r.u32(20)
	i.Unacked, i.Sacked, i.Lost, i.Retrans, i.Fackets = r.u32(24), r.u32(28), r.u32(32), r.u32(36), r.u32(40)
	i.LastDataSent, i.LastAckSent, i.LastDataRecv, i.LastAckRecv = r.millis(44), r.millis(48), r.millis(52), r.millis(56)
	i.PMTU, i.RcvSsthresh, i.RTT, i.RTTVar = r.u32(60), r.u32(64), r.micros(68), r.micros(72)
	i.SndSsthresh, i.SndCwnd, i.AdvMSS, i.Reordering = r.u32(76), r.u32(80), r.u32(84), r.u32(88)
	i.RcvRTT, i.RcvSpace, i.TotalRetrans = r.micros(92), r.u32(96), r.u32(100)
}

// added reads what Linux 3.15 to 4.19 have added.
func (r *record) added(i *TCPInfo) {
	i.PacingRate, i.MaxPacingRate, i.BytesAcked, i.BytesReceived = r.u64(104), r.u64(112), r.u64(120), r.u64(128)
	i.SegsOut, i.SegsIn, i.NotSentBytes = r.u32(136), r.u32(140), r.u32(144)
	if r.u32(148) != unmeasured {
		i.MinRTT = r.micros(148)
	}
	i.DataSegsIn, i.DataSegsOut, i.DeliveryRate = r.u32(152), r.u32(156), r.u64(160)
	i.BusyTime, i.RwndLimited, i.SndbufLimited = r.longMicros(168), r.longMicros(176), r.longMicros(184)
	i.Delivered, i.DeliveredCE, i.BytesSent, i.BytesRetrans = r.u32(192), r.u32(196), r.u64(200), r.u64(208)
	i.DSACKDups, i.ReordSeen = r.u32(216), r.u32(220)
}

// recent reads what has come since.
func (r *record) recent(i *TCPInfo) {
	i.RcvOOOPack, i.SndWnd, i.RcvWnd, i.Rehash = r.u32(224), r.u32(228), r.u32(232), r.u32(236)
	i.TotalRTO, i.TotalRTORecoveries, i.TotalRTOTime = r.u16(240), r.u16(242), r.millis(244)
	i.ReceivedCE = r.u32(248)
	i.DeliveredE1Bytes, i.DeliveredE0Bytes, i.DeliveredCEBytes = r.u32(252), r.u32(256), r.u32(260)
	i.ReceivedE1Bytes, i.ReceivedE0Bytes, i.ReceivedCEBytes = r.u32(264), r.u32(268), r.u32(272)
}

// bigEndian says where C puts the first of a byte's bit fields: in its highest bits.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

func low(b byte, bits int) byte { return b & (1<<bits - 1) }

func (r *record) u16(at int) uint16 { return binary.NativeEndian.Uint16(r[at:]) }
func (r *record) u32(at int) uint32 { return binary.NativeEndian.Uint32(r[at:]) }
func (r *record) u64(at int) uint64 { return binary.NativeEndian.Uint64(r[at:]) }

func (r *record) micros(at int) time.Duration { return time.Duration(r.u32(at)) * time.Microsecond }
func (r *record) millis(at int) time.Duration { return time.Duration(r.u32(at)) * time.Millisecond }

// longMicros reads microseconds of 64 bits. More than a Duration can hold, 292
// years, is no time.
func (r *record) longMicros(at int) time.Duration {
	return time.Duration(min(r.u64(at), uint64(1<<63-1)/1000)) * time.Microsecond
}
