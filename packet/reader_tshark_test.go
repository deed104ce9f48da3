package packet_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
	if err != nil {
		t.Skip("there is no tshark")
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
