package exchange

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

func TestKeyLog(t *testing.T) {
	random := strings.Repeat("0a", 32)
	var k KeyLog
	n := k.Add([]byte("# a comment\n\r\n" +
		"CLIENT_RANDOM " + random + " " + strings.Repeat("11", 48) + "\r\n" +
		"CLIENT_TRAFFIC_SECRET_0 " + strings.ToUpper(random) + " " + strings.Repeat("22", 32) + "\n" +
		"SERVER_HANDSHAKE_TRAFFIC_SECRET " + random + " 33\n" +
		"EXPORTER_SECRET " + random + " 44\n" +
		"CLIENT_RANDOM " + random[2:] + " 55\n" +
		"CLIENT_RANDOM " + random + " 6\n" +
		"CLIENT_RANDOM " + random + " zz\n" +
		"CLIENT_RANDOM " + random + " " + strings.Repeat("77", 65) + "\n" +
		"CLIENT_RANDOM " + random))
	s := k.of(clientRandom([]byte(strings.Repeat("\x0a", 32))))
	if n != 3 || k.Len() != 1 || s == nil || hex.EncodeToString(s.master) != strings.Repeat("11", 48) ||
		len(s.traffic[0]) != 32 || s.traffic[1] != nil || len(s.handshake[1]) != 1 {
		t.Errorf("%d secrets of %d clients: %+v", n, k.Len(), s)
	}
	if (*KeyLog)(nil).of(clientRandom{}) != nil {
		t.Error("no key log has secrets")
	}
}

// TestKeyLogForgets fills a key log: the oldest make room.
func TestKeyLogForgets(t *testing.T) {
	var k KeyLog
	number := func(i int) (r clientRandom) {
		binary.BigEndian.PutUint32(r[:], uint32(i))
		return r
	}
	const n = maxKeyLogClients + 100
	for i := range n {
		k.client(number(i)).master = []byte{1}
		k.remember([]byte{byte(i), byte(i >> 8), byte(i >> 16)}, number(i))
	}
	if k.Len() != maxKeyLogClients || len(k.sessions) != maxKeyLogClients || k.of(number(99)) != nil || k.of(number(100)) == nil || k.of(number(n-1)) == nil {
		t.Errorf("it holds %d clients, %d sessions", k.Len(), len(k.sessions))
	}
}

func FuzzKeyLog(f *testing.F) {
	f.Add([]byte("CLIENT_RANDOM " + strings.Repeat("0a", 32) + " " + strings.Repeat("11", 48) + "\n"))
	f.Add([]byte("# \nSERVER_TRAFFIC_SECRET_0 " + strings.Repeat("0b", 32) + " 22"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		var k KeyLog
		n := k.Add(lines)
		if n < k.Len() || n > len(lines)/64 {
			t.Errorf("%d secrets of %d clients", n, k.Len())
		}
		for _, s := range k.clients {
			if len(s.master) > maxSecret {
				t.Errorf("a secret of %d octets", len(s.master))
			}
		}
	})
}
