package packet

// packet reads an enhanced packet block, or the older one that looks like it but for
// the interface's number: §4.3, appendix A.
func (f *pcapng) packet(r *Reader, at int64, body []byte, older bool) (bool, error) {
	if len(body) < 20 {
		return false, f.lost(r, at, "a packet block of %d bytes", len(body))
	}
	n, captured, length := f.order.Uint32(body), f.order.Uint32(body[12:]), f.order.Uint32(body[16:])
	if older {
		n = uint32(f.order.Uint16(body)) // behind it stands how many packets were dropped
	}
	if int(n) >= len(f.section) {
		return false, f.lost(r, at, "of interface %d, of which the file says nothing", n)
	}
	if int(captured) > len(body)-20 {
		return false, f.lost(r, at, "%d bytes in a block that has %d for them", captured, len(body)-20)
	}
	i := &f.section[n]
	when, sane := i.resolution.time(uint64(f.order.Uint32(body[4:]))<<32 | uint64(f.order.Uint32(body[8:])))
	r.frame = frame{
		data: body[20 : 20+captured], wire: int(max(captured, min(length, 1<<30))), offset: at,
		at: when, timed: true, sane: sane, link: i.link, index: i.index,
	}
	return true, nil
}

// simple reads a simple packet block, which is always of interface 0: §4.4.
func (f *pcapng) simple(r *Reader, at int64, body []byte) (bool, error) {
	if len(body) < 4 || len(f.section) == 0 {
		return false, f.lost(r, at, "a packet block of %d bytes, in a section of %d interfaces", len(body), len(f.section))
	}
	i, length := &f.section[0], f.order.Uint32(body)
	captured := length
	if i.snap > 0 {
		captured = min(captured, i.snap)
	}
	captured = min(captured, uint32(len(body)-4))
	r.frame = frame{
		data: body[4 : 4+captured], wire: int(max(captured, min(length, 1<<30))), offset: at, link: i.link, index: i.index,
	}
	return true, nil
}

// lost counts a packet that cannot be read.
func (f *pcapng) lost(r *Reader, at int64, format string, args ...any) error {
	r.defects.Read++
	return r.defects.damage(r.defects.Read, at, format, args...)
}
