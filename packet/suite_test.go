package packet_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// suite are captures with which pcapgo is tested, most of them of the pcapng test suite
// of https://github.com/hadrielk/pcapng-test-generator.
const suite = "be/test001 be/test004 le/test006 be/test008 le/test009 be/test011 le/test012 le/test016 be/test018 " +
	"le/test100 be/test101 le/test102 be/test202 le/test902 le/test300 le/test301"

// suiteFile is where a file of the suite is.
func suiteFile(t *testing.T, name string) string {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gopacket/gopacket").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "pcapgo/tests", name+".pcapng")
}

// TestAgainstTshark: captures have the packets that tshark finds, by number, time,
// addresses, length and sequence number.
func TestAgainstTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil || testing.Short() {
		t.Skip("there is no tshark, or no time for it")
	}
	for name := range strings.FieldsSeq(suite) {
		file := suiteFile(t, name)
		want, got := fields(t, tshark, file), told(t, file)
		if got != want {
			t.Errorf("%s:\n%s\ntshark says\n%s", name, got, want)
		}
	}
}

// fields is what tshark says of the TCP segments and UDP datagrams of a file.
func fields(t *testing.T, tshark, file string) string {
	args := []string{"-r", file, "-Y", "(tcp or udp) and not icmp and not icmpv6", "-n", "-T", "fields"}
	for _, f := range strings.Fields("frame.number frame.time_epoch ip.src ip.dst ipv6.src ipv6.dst tcp.srcport udp.srcport tcp.seq_raw tcp.len udp.length") {
		args = append(args, "-e", f)
	}
	out, err := exec.Command(tshark, args...).Output()
	if err != nil {
		t.Logf("tshark %s: %v", file, err)
	}
	return strings.ReplaceAll(string(out), "\t", " ")
}

// told is the same of a reader.
func told(t *testing.T, file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := packet.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return ""
	}
	var all strings.Builder
	untimed := 0
	for p, err := range reader.Packets() {
		if err != nil {
			t.Logf("%s: %v", file, err)
			continue
		}
		at := fmt.Sprintf("%d.%09d", p.At/1e9, p.At%1e9)
		if n := reader.Defects().Untimed.Count; n > untimed {
			untimed, at = n, ""
		}
		addresses := fmt.Sprintf("%v %v  ", p.Src.Addr(), p.Dst.Addr())
		if p.Version == 6 {
			addresses = fmt.Sprintf("  %v %v", p.Src.Addr(), p.Dst.Addr())
		}
		rest := fmt.Sprintf(" %d   %d", p.Src.Port(), p.PayloadLen()+8)
		if p.Protocol == packet.ProtocolTCP {
			rest = fmt.Sprintf("%d  %d %d ", p.Src.Port(), p.Seq, p.PayloadLen())
		}
		fmt.Fprintf(&all, "%d %s %s %s\n", p.Number, at, addresses, rest)
	}
	for _, s := range reader.Defects().Sentences() {
		t.Logf("%s: %s", filepath.Base(file), s)
	}
	return all.String()
}

// TestSuite: what some files of the suite hold besides packets.
func TestSuite(t *testing.T) {
	open := func(name string) *packet.Reader {
		data, err := os.ReadFile(suiteFile(t, name))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := packet.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return reader
	}
	reader := open("le/test301") // with the secrets of a connection, before its packets
	for p, err := range reader.Packets() {
		if err != nil || p.Number == 1 && !bytes.HasPrefix(reader.Secrets(), []byte("CLIENT_RANDOM ")) {
			t.Errorf("test301: %+v, %v, secrets %q", p, err, reader.Secrets())
		}
	}
	if n := bytes.Count(reader.Secrets(), []byte("\n")); n != 1 {
		t.Errorf("test301: %d lines of secrets: %q", n, reader.Secrets())
	}

	reader = open("be/test202") // three sections, of both byte orders
	for range reader.Packets() {
	}
	var names []string
	for _, i := range reader.Interfaces() {
		names = append(names, fmt.Sprintf("%s: %v", i.Name, i.Link))
	}
	want := "[eth0: Ethernet null1: BSD loopback silly ethernet interface 2: Ethernet]"
	if got := fmt.Sprint(names); got != want {
		t.Errorf("test202: %s", got)
	}

	reader = open("be/test901") // the second of three sections is of version 2: tshark stops there
	numbers := []int{}
	for p := range reader.Packets() {
		if p != nil {
			numbers = append(numbers, p.Number)
		}
	}
	if d := reader.Defects(); fmt.Sprint(numbers) != "[1 2]" || d.Damaged != 1 {
		t.Errorf("test901: packets %v, %+v", numbers, d)
	}
}

// TestBuilt: what package packets writes is what it says it has written.
func TestBuilt(t *testing.T) {
	for _, link := range []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeLinuxSLL, layers.LinkTypeRaw} {
		for _, addr := range [][2]string{{"10.0.0.1:40000", "10.0.0.2:80"}, {"[2001:db8::1]:40000", "[2001:db8::2]:80"}} {
			capture := packets.NewCapture()
			capture.Link, capture.Snap = link, 200
			conn := capture.Conn(addr[0], addr[1])
			conn.Timestamps = true
			conn.Open(0, 20*time.Millisecond)
			conn.Send(packets.Client, 21*time.Millisecond, "GET / HTTP/1.1\r\n\r\n")
			conn.Server(40*time.Millisecond, packets.Segment{Ack: 18, Len: 1448})
			conn.FIN(packets.Server, 41*time.Millisecond)
			for name, file := range map[string][]byte{"pcap": capture.Pcap(), "pcapng": capture.Pcapng()} {
				if got, want := built(t, file), wanted(capture); got != want {
					t.Errorf("%v, %v, %s:\n%s\nwant\n%s", link, addr, name, got, want)
				}
			}
		}
	}
}

func built(t *testing.T, file []byte) string {
	reader, err := packet.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for p, err := range reader.Packets() {
		fmt.Fprintf(&all, "%+v %v\n", p, err)
	}
	return all.String()
}

func wanted(capture *packets.Capture) string {
	var all strings.Builder
	for p := range capture.Packets() {
		fmt.Fprintf(&all, "%+v <nil>\n", p)
	}
	return all.String()
}
