package linger

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// countTimeWait reads the kernel's tables of TCP sockets. Those of IPv4 may stand
// in that of IPv6, as mapped addresses.
func countTimeWait(to netip.AddrPort) int {
	files := []string{"/proc/self/net/tcp6"}
	if to.Addr().Is4() {
		files = append(files, "/proc/self/net/tcp")
	}
	count := 0
	for _, file := range files {
		table, err := os.ReadFile(file)
		switch {
		case err == nil:
			count += inTimeWait(string(table), to)
		case !os.IsNotExist(err): // without IPv6 there is no table of it
			return -1
		}
	}
	return count
}

// inTimeWait counts the sockets toward an address in a table whose lines begin
//
//	0: 0100007F:1F90 0100007F:D431 06
//
// with number, local and remote address, and state: proc_net_tcp in the kernel's
// documentation. Addresses are words of 32 bits in the machine's order of octets,
// and 06 is TIME_WAIT.
func inTimeWait(table string, to netip.AddrPort) int {
	const timeWait = "06"
	count := 0
	if to.Addr().Is4() {
		b := to.Addr().As4()
		count = strings.Count(table, fmt.Sprintf(" %08X:%04X %s ", binary.NativeEndian.Uint32(b[:]), to.Port(), timeWait))
	}
	var words strings.Builder
	b := to.Addr().As16()
	for i := 0; i < len(b); i += 4 {
		fmt.Fprintf(&words, "%08X", binary.NativeEndian.Uint32(b[i:]))
	}
	return count + strings.Count(table, fmt.Sprintf(" %s:%04X %s ", words.String(), to.Port(), timeWait))
}
