package exchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// A KeyLog holds TLS secrets by the client's random, as SSLKEYLOGFILE has them
// (https://datatracker.ietf.org/doc/html/draft-ietf-tls-keylogfile). The zero value
// is empty and ready. It holds those of the last 65,536 clients. It is not safe for
// concurrent use.
type KeyLog struct {
	clients map[clientRandom]*secrets
	order   []clientRandom // a ring, oldest at next once it is full
	next    int

	// sessions are the handshakes that TLS 1.2's sessions come from, by the hash of a
	// ticket or a session's ID. Some write no secret where they resume one: it is the same.
	sessions     map[sessionName]clientRandom
	sessionOrder []sessionName // a ring, as order
	nextSession  int
}

// A clientRandom names a handshake.
type clientRandom [32]byte

// A secrets is what is known of one handshake; what is not known is empty.
type secrets struct {
	master    []byte    // TLS 1.2's master secret
	early     []byte    // of TLS 1.3, as all below
	handshake [2][]byte // by direction
	traffic   [2][]byte
}

const (
	maxKeyLogClients = 65_536
	maxSecret        = 64 // octets: no hash of TLS is longer
)

// Add takes in lines. Comments, unknown labels and what cannot be read are passed
// over. It returns how many secrets there were.
func (k *KeyLog) Add(lines []byte) (secrets int) {
	for line := range bytes.Lines(lines) {
		if k.addLine(line) {
			secrets++
		}
	}
	return secrets
}

// Len is how many handshakes have secrets.
func (k *KeyLog) Len() int { return len(k.clients) }

// addLine takes in "label random secret".
func (k *KeyLog) addLine(line []byte) bool {
	fields := bytes.Fields(line)
	if len(fields) != 3 || len(fields[1]) != 64 || len(fields[2]) > 2*maxSecret || len(fields[2]) == 0 {
		return false
	}
	var random clientRandom
	if _, err := hex.Decode(random[:], fields[1]); err != nil {
		return false
	}
	secret := make([]byte, hex.DecodedLen(len(fields[2])))
	if _, err := hex.Decode(secret, fields[2]); err != nil {
		return false
	}
	label := string(fields[0])
	if new(secrets).place(label) == nil {
		return false
	}
	*k.client(random).place(label) = secret
	return true
}

// place is where the secret with a label stands, nil if the label means nothing here.
func (s *secrets) place(label string) *[]byte {
	switch label {
	case "CLIENT_RANDOM":
		return &s.master
	case "CLIENT_EARLY_TRAFFIC_SECRET":
		return &s.early
	case "CLIENT_HANDSHAKE_TRAFFIC_SECRET":
		return &s.handshake[0]
	case "SERVER_HANDSHAKE_TRAFFIC_SECRET":
		return &s.handshake[1]
	case "CLIENT_TRAFFIC_SECRET_0":
		return &s.traffic[0]
	case "SERVER_TRAFFIC_SECRET_0":
		return &s.traffic[1]
	}
	return nil
}

// A sessionName is the SHA-256 of a ticket or a session's ID.
type sessionName [32]byte

// remember says that a session comes from a handshake.
func (k *KeyLog) remember(session []byte, random clientRandom) {
	if k == nil || len(session) == 0 || k.clients[random] == nil {
		return
	}
	name := sessionName(sha256.Sum256(session))
	if _, known := k.sessions[name]; !known {
		if k.sessions == nil {
			k.sessions = make(map[sessionName]clientRandom)
		}
		if len(k.sessionOrder) < maxKeyLogClients {
			k.sessionOrder = append(k.sessionOrder, name)
		} else {
			delete(k.sessions, k.sessionOrder[k.nextSession])
			k.sessionOrder[k.nextSession] = name
			k.nextSession = (k.nextSession + 1) % maxKeyLogClients
		}
	}
	k.sessions[name] = random
}

// from is the handshake that a session comes from, false if it is not known.
func (k *KeyLog) from(session []byte) (clientRandom, bool) {
	if k == nil || len(session) == 0 {
		return clientRandom{}, false
	}
	random, known := k.sessions[sha256.Sum256(session)]
	return random, known
}

// client is the entry of a handshake, a new one if there is none. The oldest makes
// room.
func (k *KeyLog) client(random clientRandom) *secrets {
	if s := k.clients[random]; s != nil {
		return s
	}
	if k.clients == nil {
		k.clients = make(map[clientRandom]*secrets)
	}
	if len(k.order) < maxKeyLogClients {
		k.order = append(k.order, random)
	} else {
		delete(k.clients, k.order[k.next])
		k.order[k.next] = random
		k.next = (k.next + 1) % maxKeyLogClients
	}
	s := new(secrets)
	k.clients[random] = s
	return s
}

// of is what is known of a handshake, nil if nothing is.
func (k *KeyLog) of(random clientRandom) *secrets {
	if k == nil {
		return nil
	}
	return k.clients[random]
}
