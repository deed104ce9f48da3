package exchange

// An http2Window is what one side may send on a connection: RFC 9113 §5.2. It is
// followed to say when a receiver's windows were what held its body back. A sender
// that stops before a window is quite used up is not seen.
type http2Window struct {
	initial int64 // of each stream: the other side's SETTINGS_INITIAL_WINDOW_SIZE
	left    int64 // of the connection's
	unknown bool  // it was not followed from the beginning

	open bool // shut is under way: not opened again yet
	shut Shut // the last time that the connection's window was used up
}

const http2InitialWindow = 65_535 // RFC 9113 §6.9.2

func (w *http2Window) init() { w.initial, w.left = http2InitialWindow, http2InitialWindow }

// lose says that frames which open windows may be missing.
func (w *http2Window) lose() { w.unknown, w.open = true, false }

func (w *http2Window) spend(n int64) { w.left -= n }

// follows says whether windows are known for what a half sends.
func (f *http2Half) follows() bool {
	o := f.other()
	return !f.window.unknown && f.whole && f.begun && o.whole && o.begun
}

// spend counts a DATA frame of which the header has come, and notes that windows
// held it back before.
func (h *http2Reader) spend(f *http2Half, s *http2Stream) {
	w, m := &f.window, s.message(f.dir)
	if f.follows() {
		if n := len(m.Shut); n > 0 && m.Shut[n-1].To == 0 {
			h.reopen(m, f)
		}
		if !w.open && w.shut.To > m.Last && m.Last != 0 && f.frame.Length > 0 {
			shut := w.shut
			shut.From = max(shut.From, m.Last)
			h.addShut(m, shut)
		}
	}
	w.spend(int64(f.frame.Length))
	s.credit[f.dir] -= int64(f.frame.Length)
}

// reopen ends a Shut of a stream without a WINDOW_UPDATE of its own: SETTINGS opened
// the window, or a frame without octets, which may always be sent, shows that nothing
// was held back.
func (h *http2Reader) reopen(m *Message, f *http2Half) {
	n := len(m.Shut)
	if f.frame.Length == 0 {
		m.Shut = m.Shut[:n-1]
		h.ranges--
		return
	}
	m.Shut[n-1].To, m.Shut[n-1].ToPacket = f.where.first, f.where.firstPacket
}

// spent looks at the windows behind a DATA frame that is not its stream's last.
func (h *http2Reader) spent(f *http2Half, s *http2Stream) {
	if !f.follows() || f.frame.Length == 0 {
		return
	}
	w, at, packet := &f.window, f.where.last, f.where.lastPacket
	if w.initial+s.credit[f.dir] <= 0 {
		h.addShut(s.message(f.dir), Shut{From: at, FromPacket: packet})
	}
	if w.left <= 0 && !w.open {
		w.open = true
		w.shut = Shut{From: at, FromPacket: packet, Connection: true}
	}
}

// windowUpdate opens a window for the other side.
func (h *http2Reader) windowUpdate(f *http2Half, id, increment uint32) {
	to := f.other()
	w, at, packet := &to.window, f.where.last, f.where.lastPacket
	if id == 0 {
		w.left += int64(increment)
		if w.open && w.left > 0 {
			w.open = false
			w.shut.To, w.shut.ToPacket = at, packet
		}
		return
	}
	s := h.streams[id]
	if s == nil {
		return
	}
	s.credit[to.dir] += int64(increment)
	m := s.message(to.dir)
	if n := len(m.Shut); n > 0 && m.Shut[n-1].To == 0 && w.initial+s.credit[to.dir] > 0 {
		m.Shut[n-1].To, m.Shut[n-1].ToPacket = at, packet
	}
}

// addShut keeps a Shut, if there is room.
func (h *http2Reader) addShut(m *Message, s Shut) {
	if h.ranges >= maxHTTP2Ranges {
		return
	}
	h.ranges++
	m.Shut = append(m.Shut, s)
}

// cover adds a stretch to a message. When too many ranges are kept, the last one
// grows over what lies between.
func (h *http2Reader) cover(m *Message, s stretch) {
	before := len(m.Ranges)
	m.cover(s, h.ranges < maxHTTP2Ranges)
	h.ranges += len(m.Ranges) - before
}
