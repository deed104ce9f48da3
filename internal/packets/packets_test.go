package packets

import (
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/lingerhttp/linger/packet"
)

const ms = time.Millisecond

// talk is a small conversation with every option.
func talk(client, server string) *Capture {
	capture := NewCapture()
	conn := capture.Conn(client, server)
	conn.Timestamps = true
	conn.Open(0, 20*ms)
	conn.Send(Client, 20*ms, "GET / HTTP/1.1\r\n\r\n")
	conn.ACK(Server, 40*ms)
	conn.Server(41*ms, Segment{Seq: 0, Ack: 18, Window: 500, Len: 1448})
	conn.Server(42*ms, Segment{Seq: 2896, Ack: 18, Window: 500, Len: 100})
	conn.Client(42*ms, Segment{Seq: 18, Ack: 1448, Window: 400, SACK: [][2]int64{{2896, 2996}}})
	conn.FIN(Server, 50*ms)
	conn.ACK(Client, 50*ms)
	capture.UDP(60*ms, client, strings.Replace(server, ":80", ":53", 1), []byte("not DNS"))
	return capture
}

// TestPackets: what was asked for is what packet reads.
func TestPackets(t *testing.T) {
	for _, client := range []string{"10.0.0.1:40000", "[2001:db8::1]:40000"} {
		server := strings.Replace(client, "1:40000", "2:80", 1)
		var all []packet.Packet
		for p := range talk(client, server).Packets() {
			all = append(all, *p)
		}
		if len(all) != 11 {
			t.Fatalf("%d packets", len(all))
		}
		syn, answer, get, sack, fin := all[0], all[1], all[3], all[7], all[8]
		if syn.Seq != 1000 || syn.Flags != packet.SYN || syn.Options.MSS != 1460 || syn.Options.WindowScale != 7 || !syn.Options.SACKPermitted || !syn.Options.Timestamps {
			t.Errorf("the SYN %+v", syn)
		}
		if answer.Seq != 5000 || answer.Ack != 1001 || answer.Flags != packet.SYN|packet.ACK || answer.Src != netip.MustParseAddrPort(server) {
			t.Errorf("the SYN-ACK %+v", answer)
		}
		if get.Seq != 1001 || get.Ack != 5001 || string(get.Bytes()) != "GET / HTTP/1.1\r\n\r\n" || get.At != Start.Add(20*ms).UnixNano() || get.Number != 4 {
			t.Errorf("the request %+v", get)
		}
		if o := sack.Options; o.NumSACK != 1 || o.SACK[0] != [2]uint32{5001 + 2896, 5001 + 2996} || o.WindowScale != -1 || o.TSecr != 1042 {
			t.Errorf("the options of the SACK %+v", o)
		}
		if fin.Seq != 5001+2996 || fin.Flags != packet.FIN|packet.ACK {
			t.Errorf("the FIN %+v", fin)
		}
	}
}

// TestChecksums: tshark reads the files without complaint, if it is there.
func TestChecksums(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("there is no tshark")
	}
	capture := talk("[2001:db8::1]:40000", "[2001:db8::2]:80")
	capture.Link = layers.LinkTypeLinuxSLL
	for name, file := range map[string][]byte{
		"v4.pcap":   talk("10.0.0.1:40000", "10.0.0.2:80").Pcap(),
		"v6.pcapng": capture.Pcapng(),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tshark, "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-T", "fields",
			"-e", "tcp.checksum.status", "-e", "udp.checksum.status", "-e", "tcp.len").Output()
		if err != nil {
			t.Fatal(err)
		}
		want := "1\t\t0\n1\t\t0\n1\t\t0\n1\t\t18\n1\t\t0\n1\t\t1448\n1\t\t100\n1\t\t0\n1\t\t0\n1\t\t0\n\t1\t\n"
		if got := string(out); got != want {
			t.Errorf("%s: tshark says\n%q, want\n%q", name, got, want)
		}
	}
}

func TestSnapAgainDrop(t *testing.T) {
	capture := talk("10.0.0.1:40000", "10.0.0.2:80")
	capture.Snap = 60
	n := capture.Again(43*ms, 6)
	capture.Drop(1)
	var last *packet.Packet
	for p := range capture.Packets() {
		last = p
	}
	if last.Number != n-1 || len(last.Data) != 60 || last.PayloadLen() != 1448 || len(last.Bytes()) != 8 || last.ID != 3 {
		t.Errorf("the last of %d: %+v", n-1, last)
	}
}

// TestTooLongForIP: a segment before TSO or BIG TCP has cut it.
func TestTooLongForIP(t *testing.T) {
	for _, client := range []string{"10.0.0.1:40000", "[2001:db8::1]:40000"} {
		capture := NewCapture()
		capture.Conn(client, strings.Replace(client, "1:40000", "2:80", 1)).Server(0, Segment{Len: 100_000})
		for p := range capture.Packets() {
			if p.PayloadLen() != 100_000 || len(p.Bytes()) != 100_000 {
				t.Errorf("%d bytes of %d", len(p.Bytes()), p.PayloadLen())
			}
		}
	}
	if b := IP(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), 1, 0, make([]byte, 70_000)); binary.BigEndian.Uint16(b[2:]) != 0 {
		t.Error("a length that does not fit")
	}
}
