package packet

import (
	"bytes"
	"iter"
)

// What a pcapng file says besides the packets: of interfaces, what was missed, and
// secrets.

// options yields the options of a block: §3.5. They end where they make no sense.
func (f *pcapng) options(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, size := f.order.Uint16(b), int(f.order.Uint16(b[2:]))
			b = b[4:]
			if code == 0 || size > len(b) || !yield(code, b[:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}

// describe reads an interface description block: §4.2.
func (f *pcapng) describe(r *Reader, at int64, body []byte) error {
	if len(body) < 8 {
		return r.damage(at, "an interface description of %d bytes", len(body))
	}
	if len(f.section) == maxInterfaces {
		return r.damage(at, "more than %d interfaces", maxInterfaces)
	}
	one := described{link: LinkType(f.order.Uint16(body)), snap: f.order.Uint32(body[4:]), resolution: microseconds}
	var name string
	for code, value := range f.options(body[8:]) {
		switch {
		case code == 2:
			name = string(bytes.TrimRight(value[:min(len(value), 255)], "\x00"))
		case code == 9 && len(value) == 1:
			one.resolution.set(value[0])
		case code == 14 && len(value) == 8:
			one.resolution.offset = int64(f.order.Uint64(value))
		}
	}
	one.index = f.place(r, Interface{Name: name, Link: one.link})
	f.section = append(f.section, one)
	return nil
}

// place finds the place of an interface among the reader's: that of its like in an
// earlier section, if there is one.
func (f *pcapng) place(r *Reader, one Interface) int {
	taken := make(map[int]bool, len(f.section))
	for i := range f.section {
		taken[f.section[i].index] = true
	}
	for i, other := range r.interfaces {
		if other == one && !taken[i] {
			return i
		}
	}
	if len(r.interfaces) == maxInterfaces {
		return maxInterfaces - 1 // a name may be wrong then, but nothing grows
	}
	r.interfaces = append(r.interfaces, one)
	return len(r.interfaces) - 1
}

// statistics reads how many packets were missed: §4.6. The counts go on from one block
// of an interface to the next.
func (f *pcapng) statistics(r *Reader, body []byte) {
	if len(body) < 12 || int(f.order.Uint32(body)) >= len(f.section) {
		return
	}
	i := &f.section[f.order.Uint32(body)]
	var missed uint64
	for code, value := range f.options(body[12:]) {
		if (code == 5 || code == 7) && len(value) == 8 { // isb_ifdrop, isb_osdrop
			missed += f.order.Uint64(value)
		}
	}
	r.defects.Missed += missed - i.missed
	i.missed = missed
}

// secrets reads a decryption secrets block: §4.7.
func (f *pcapng) secrets(r *Reader, body []byte) {
	if len(body) < 8 || f.order.Uint32(body) != tlsSecrets {
		return
	}
	log := body[8:]
	log = log[:min(uint64(len(log)), uint64(f.order.Uint32(body[4:])))]
	if len(r.secrets)+len(log) >= maxSecrets {
		r.defects.SecretsDropped += len(log)
		return
	}
	r.secrets = append(r.secrets, log...)
	if len(log) > 0 && log[len(log)-1] != '\n' {
		r.secrets = append(r.secrets, '\n')
	}
}
