package packet

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
)

// A damagedFile says what a reader is to say of it.
type damagedFile struct {
	file    []byte
	packets int
	says    string // among what it says
}

// damagedFiles are files as they should not be. Those of the pcapng test suite are in
// reader_tshark_test.go.
func damagedFiles(t testing.TB) map[string]damagedFile {
	all := files(t)
	pcap, ng := all["pcap, µs, little"], all["pcapng, big"]
	syn := kernel(t, "connect")
	change := func(b []byte, at int, to ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], to)
		return b
	}
	// Where the second packet begins.
	const second, secondNg = 24 + 16 + 60, 28 + 20 + 32 + 60
	unknown := little().section().block(0x77, []byte("whatever")).describe(linkRaw, nil).block(0x40000077, nil).packet(0, 1e15, syn)
	mixed := little().section().describe(linkEthernet, nil).describe(105, nil).describe(linkRaw, nil)
	mixed.packet(0, 1e15, append(unhex(t, macs+"0800", 0), syn...)).packet(1, 1e15, syn).packet(2, 1e15, syn).packet(3, 1e15, syn)
	simple := big().section().describe(linkRaw, nil).block(blockSimple, big().u32(60).bytes(syn).b)
	older := big().section().describe(linkRaw, nil).block(blockOldPacket, big().u16(0, 7).u32(0, 1e9, 60, 60).bytes(syn).b)
	statistics := big().section().describe(linkRaw, nil)
	for _, n := range []byte{3, 5} {
		statistics.block(blockStatistics, append(big().u32(0, 0, 0).b, big().option(5, []byte{0, 0, 0, 0, 0, 0, 0, n})...))
	}
	version := little().section().describe(linkRaw, nil).packet(0, 1e15, syn)
	version.block(blockSection, little().u32(sectionMagic).u16(2, 0).u32(0, 0).b).describe(linkRaw, nil).packet(0, 1e15, syn)
	version.section().describe(linkRaw, nil).packet(0, 1e15, syn)
	long := little().section().describe(linkRaw, nil).u32(blockPacket, 0xfffffff0).bytes(make([]byte, 100)).packet(0, 1e15, syn)
	return map[string]damagedFile{
		"pcap, cut in a packet":    {pcap[:len(pcap)-1], 3, "The file ends within a packet, at byte 327."},
		"pcap, cut in a header":    {pcap[:second+15], 1, "The file ends within a packet, at byte 115."},
		"pcap, no packets":         {pcap[:24], 0, "There are no packets in the capture."},
		"pcap, cut in gzip":        {gzipped(t, pcap)[:100], -1, "The file ends within a packet"},
		"pcap, wrong sum of gzip":  {change(gzipped(t, pcap), len(gzipped(t, pcap))-8, 1, 2, 3, 4), 4, "what gzip made is damaged, and nothing behind it can be read: gzip: invalid checksum"},
		"pcap, 4 GiB long":         {change(pcap, second+8, 0xff, 0xff, 0xff, 0xff), 3, "packet 2, at byte 100: 4294967295 captured bytes of a packet of 60; the next is at byte 176"},
		"pcap, the last 4 GiB":     {change(pcap, len(pcap)-63-8, 0xff, 0xff, 0xff, 0xff), 3, "captured bytes of a packet of 63, and behind it nothing that is one"},
		"pcap, a hole of zeros":    {append(append(bytes.Clone(pcap[:second]), make([]byte, 4096)...), pcap[second:]...), 4, "packet 2, at byte 100: 0 captured bytes of a packet of 0; the next is at byte 4196"},
		"pcap, nothing but zeros":  {append(bytes.Clone(pcap[:24]), make([]byte, 10_000)...), 0, "One place is damaged: packet 1, at byte 24: 0 captured bytes of a packet of 0, and behind it nothing that is one."},
		"pcap, more than there is": {change(pcap, second+12, 1, 0, 0, 0), 4, ""}, // what was captured is longer than the packet
		"pcapng, cut in a packet":  {ng[:len(ng)-1], 3, "The file ends within a packet, at byte "},
		"pcapng, cut in a head":    {ng[:secondNg+11], 1, "The file ends within a packet, at byte 151."},
		"pcapng, no packets":       {ng[:28+20], 0, "There are no packets in the capture."},
		"pcapng, 4 GiB long":       {long.b, 1, "packet 1, at byte 48: a block that says wrongly how long it is; the next is at byte 156"},
		"pcapng, first length":     {change(ng, secondNg+7, 13), 3, "packet 2, at byte 140: a block that says wrongly how long it is; the next is at byte 232"},
		"pcapng, last length":      {change(ng, secondNg-1, 13), 3, "packet 1, at byte 48: a block that says wrongly how long it is; the next is at byte 140"},
		"pcapng, the last one's":   {change(ng, len(ng)-1, 13), 3, "a block that says wrongly how long it is, and behind it nothing that is one"},
		"pcapng, captured length":  {change(ng, secondNg+8+12, 0xff), 3, "packet 2, at byte 140: 4278190140 bytes in a block that has 60 for them"},
		"pcapng, interface":        {change(ng, secondNg+8, 0, 0, 0, 9), 3, "packet 2, at byte 140: of interface 9, of which the file says nothing"},
		"pcapng, a short packet":   {big().section().describe(linkRaw, nil).block(blockPacket, make([]byte, 16)).packet(0, 1e15, syn).b, 1, "a packet block of 16 bytes"},
		"pcapng, unknown blocks":   {unknown.b, 1, "2 blocks were passed over: nobody here knows what they hold."},
		"pcapng, mixed":            {mixed.b, 2, "1 packet is of a link type that is not read (IEEE 802.11): packet 2."},
		"pcapng, simple":           {simple.b, 1, "1 packet has no time and got that of the one before: packet 1."},
		"pcapng, simple, no face":  {big().section().block(blockSimple, big().u32(60).bytes(syn).b).b, 0, "a packet block of 64 bytes, in a section of 0 interfaces"},
		"pcapng, older":            {older.b, 1, ""},
		"pcapng, statistics":       {statistics.b, 0, "Whoever captured could not keep up and missed 5 packets."},
		"pcapng, another version":  {version.b, 2, "a section of version 2, which nobody has described"},
		"pcapng, short section":    {little().block(blockSection, little().u32(sectionMagic).b).b, 0, "a section header of 4 bytes"},
		"pcapng, magic":            {change(ng, 8, 9), 0, "a block that says wrongly how long it is"},
		"pcapng, short interface":  {little().section().block(blockInterface, make([]byte, 4)).b, 0, "an interface description of 4 bytes"},
		"pcapng, custom":           {big().section().block(blockCustom, make([]byte, 8)).block(blockJournal, nil).describe(linkRaw, nil).packet(0, 1e15, syn).b, 1, "2 packets are not IP."},
	}
}

func TestDamaged(t *testing.T) {
	for name, test := range damagedFiles(t) {
		said := outcome(bytes.NewReader(test.file))
		if !strings.Contains(said, test.says) {
			t.Errorf("%s: it says\n%s\nnot %q", name, said, test.says)
		}
		if n := count(test.file); n != test.packets && test.packets >= 0 {
			t.Errorf("%s: %d packets, want %d:\n%s", name, n, test.packets, said)
		}
	}
}

// TestMemory: lengths that lie cost no memory, nor do many interfaces and secrets.
func TestMemory(t *testing.T) {
	faces, secrets := little().section(), little().section()
	for i := range 100_000 {
		faces.describe(linkRaw, faces.option(2, binary.LittleEndian.AppendUint32(nil, uint32(i))))
	}
	block := append(little().u32(tlsSecrets, 1<<20).b, bytes.Repeat([]byte("x"), 1<<20)...)
	for range 40 {
		secrets.block(blockSecrets, block)
	}
	claim := little().section().u32(blockPacket, maxBlock).bytes(make([]byte, 1000))
	for name, file := range map[string][]byte{
		"interfaces": faces.b, "secrets": secrets.b, "a claim of 16 MiB": claim.b,
		"a claim of 4 GiB": little().section().u32(blockPacket, 0xfffffffc).bytes(make([]byte, 1000)).b,
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		reader, err := NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for range reader.Packets() {
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		bound := int64(4 << 20)
		if name == "secrets" {
			bound = 2 * (maxSecrets + 4<<20) // a slice that grows, and the file's blocks
		}
		if held > bound {
			t.Errorf("%s: %d bytes are held", name, held)
		}
		runtime.KeepAlive(reader)
	}
}
