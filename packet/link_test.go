package packet

import (
	"strings"
	"testing"
)

// frames are what links carry, by where they came from: files of tcpdump's tests
// (https://github.com/the-tcpdump-group/tcpdump/tree/master/tests), or the words of
// who describes them, with kernelPackets' "connect" in them.
var frames = []struct {
	name  string
	link  LinkType
	bytes string
	is    content
	begin string // of the packet
}{
	{"dns-badcookie.pcap", linkNull, "0200000045000044000f0000401100007f0000017f000001", ip, "45000044"},
	{"LINKTYPE_IPV4.pcap", linkIPv4, "45000039000100004011a695c0a801640909090930390035", ip, "4500"},
	{"LINKTYPE_IPV6.pcap", linkIPv6, "600000000025114020010db8000000000000000000000001262000fe000000000000000000000009", ip, "6000"},
	{"LINKTYPE_PKTAP.pcap", linkPKTAP, "6c0000000100000001000000656e3000000000000000000000000000000000000000000002000000020000000e000000000000000002000000000000000000000000000000000000000000000000000000000000ffffffff0000000000000000000000000000000000000000001e491ff2c47073cb0b262a08004500003c2e030000ff1111440a20041b0a20640f", ip, "4500"},
	{"RADIUS-RFC3162.pcap", linkSLL, "00000304000600000000000000000800" + "450000a9ec5c400040114fe57f0000017f000001", ip, "4500"},
	{"mpls-traceroute.pcap", linkPPP, "ff0302811896010145000028a54c00000111f76f0c0404040c010101a54b829b0014000000000000", ip, "4500"},
	{"ppp_ip_udp_dns.pcap", linkHDLC, "ff5f7e08004500c12100010000401145ee45a8b2f8", otherThing, ""},
	{"pppoes.pcap", linkEthernet, "000218030007000423a95d8e886411000017000ec021096a000ca4cbea340ee2f609", otherThing, ""},
	{"802.1ad_QinQ.pcap", linkEthernet, "ffffffffffff0020d25afb3f88a800c8810007d1080600010800060400010020d25afb3fac154f61000000000000ac154f640000000000000000000000000000", otherThing, ""},
	{"bigtcp-ipv4.pcap", linkEthernet, "0600deadbeefb8cef6048b140800" + "450000002eff40004006efae0a19840d0a19840b", ip, "4500"},
	{"bigtcp-ipv6-hbh.pcap", linkEthernet, "0600deadbeefb8cef6048b1486dd" + "600a31ee00000040260413804091ce00", ip, "600a"},

	{"Ethernet, VLAN", linkEthernet, macs + "8100" + "0007" + "0800" + connect, ip, connect},
	{"Ethernet, QinQ", linkEthernet, macs + "88a8" + "000c" + "8100" + "07d1" + "0800" + connect, ip, connect},
	{"Ethernet, four VLANs", linkEthernet, macs + "9100" + "0001" + "9100" + "0001" + "8100" + "0001" + "8100" + "0001" + "86dd" + "60", ip, "60"},
	{"Ethernet, PPPoE: RFC 2516 §4", linkEthernet, macs + "8864" + "11000001003e" + "0021" + connect, ip, connect},
	{"Ethernet, PPPoE in a VLAN, IPv6", linkEthernet, macs + "8100" + "0007" + "8864" + "110000010003" + "0057" + "60", ip, "60"},
	{"Ethernet, PPPoE discovery", linkEthernet, macs + "8863" + "110900000000", otherThing, ""},
	{"Ethernet, MPLS: RFC 3032 §2.1", linkEthernet, macs + "8847" + "0001003f" + "0002013f" + connect, ip, connect},
	{"Ethernet, MPLS, what is no IP", linkEthernet, macs + "8847" + "0002013f" + "00000000", otherThing, ""},
	{"Ethernet, MPLS without end", linkEthernet, macs + "8847" + "0001003f" + "0001003f", tooShort, ""},
	{"IEEE 802.3 with SNAP: RFC 1042", linkEthernet, macs + "0044" + "aaaa03000000" + "0800" + connect, ip, connect},
	{"IEEE 802.3, spanning tree", linkEthernet, macs + "0026" + "424203" + "0000000000", otherThing, ""},
	{"Ethernet, ARP", linkEthernet, macs + "0806" + "0001", otherThing, ""},
	{"Ethernet, cut", linkEthernet, macs + "08", tooShort, ""},
	{"Ethernet, cut in a VLAN", linkEthernet, macs + "8100" + "0001", tooShort, ""},
	{"Ethernet, cut in PPPoE", linkEthernet, macs + "8864" + "1100", tooShort, ""},
	{"Ethernet, cut before IP", linkEthernet, macs + "0800", ip, ""},
	{"raw IP", linkRaw, connect, ip, connect},
	{"raw IP as OpenBSD's", linkRaw14, connect, ip, connect},
	{"raw IP as a DLT", linkRaw12, connect, ip, connect},
	{"Linux cooked, VLAN", linkSLL, "0000" + "0001" + "0006" + "0200000000010000" + "8100" + "0007" + "0800" + connect, ip, connect},
	{"Linux cooked v2", linkSLL2, "0800" + "0000" + "00000002" + "0001" + "00" + "06" + "0200000000010000" + connect, ip, connect},
	{"Linux cooked v2, ARP", linkSLL2, "0806" + "0000" + "00000002" + "0001" + "00" + "06" + "0200000000010000" + "0001", otherThing, ""},
	{"Linux cooked v2, cut", linkSLL2, "0800" + "0000" + "00000002" + "0001" + "00" + "06" + "02000000000100", tooShort, ""},
	{"loopback, big end", linkNull, "00000002" + connect, ip, connect},
	{"loopback, IPv6 of macOS", linkNull, "1e000000" + "60", ip, "60"},
	{"loopback of OpenBSD, IPv6", linkLoop, "00000018" + "60", ip, "60"},
	{"loopback, AppleTalk", linkNull, "10000000" + "00", otherThing, ""},
	{"loopback, cut", linkNull, "0200", tooShort, ""},
	{"PPP", linkPPP, "ff03" + "0021" + connect, ip, connect},
	{"PPP, compressed: RFC 1661 §6.5, §6.6", linkPPP, "21" + connect, ip, connect},
	{"PPP, LCP", linkPPP, "ff03" + "c021" + "0101", otherThing, ""},
	{"PPP, cut", linkPPP, "ff03" + "00", tooShort, ""},
	{"PKTAP in PKTAP", linkPKTAP, "0c000000" + "01000000" + "02010000" + "00", otherThing, ""},
	{"PKTAP, cut", linkPKTAP, "6c000000" + "01000000" + "01000000" + "00", tooShort, ""},
	{"PKTAP of USB", linkPKTAP, "0c000000" + "01000000" + "0a010000" + "00", unreadable, ""},
	{"IEEE 802.11", 105, "0800", unreadable, ""},
}

const (
	macs    = "ffffffffffff" + "020000000001"
	connect = "4500003ccc9d40004006e0f6c6120001c6130101"
)

func TestLinks(t *testing.T) {
	for _, test := range frames {
		b := unhex(t, test.bytes, 0)
		got, is := test.link.ip(b)
		want := unhex(t, test.begin, 0)
		if is != test.is || is == ip && !strings.HasPrefix(string(got), string(want)) {
			t.Errorf("%s: %d, %x", test.name, is, got)
		}
		for n := range b { // nothing panics, however it is cut
			test.link.ip(b[:n])
		}
	}
	if s := LinkType(105).String() + ", " + LinkType(1).String() + ", " + LinkType(9999).String(); s != "IEEE 802.11, Ethernet, type 9999" {
		t.Error(s)
	}
}
