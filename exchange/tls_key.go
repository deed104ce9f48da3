package exchange

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"hash"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/cryptobyte"

	"github.com/lingerhttp/linger/flow"
)

// A tlsSuite is what there is to know of a cipher suite to open its records.
type tlsSuite struct {
	key  int // octets
	hash func() hash.Hash
	aead func(key []byte) (cipher.AEAD, error)

	// explicit says that records carry a part of the nonce: RFC 5288 §3. Elsewhere it
	// is made of the record's number alone: RFC 8446 §5.3, RFC 7905 §2.
	explicit bool
}

// tlsSuiteOf returns the suite with a number, false if its records cannot be opened.
func tlsSuiteOf(id uint16) (tlsSuite, bool) {
	switch id {
	case tls.TLS_AES_128_GCM_SHA256:
		return tlsSuite{16, sha256.New, newGCM, false}, true
	case tls.TLS_AES_256_GCM_SHA384:
		return tlsSuite{32, sha512.New384, newGCM, false}, true
	case tls.TLS_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		0xCCAA: // DHE_RSA
		return tlsSuite{32, sha256.New, chacha20poly1305.New, false}, true
	case tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		0x009E: // DHE_RSA
		return tlsSuite{16, sha256.New, newGCM, true}, true
	case tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		0x009F: // DHE_RSA
		return tlsSuite{32, sha512.New384, newGCM, true}, true
	}
	return tlsSuite{}, false
}

// unopened says in a few words why the records of a suite cannot be opened.
func unopened(id uint16) string {
	name := tls.CipherSuiteName(id)
	if strings.Contains(name, "CBC") {
		return "not decrypted: CBC"
	}
	return "not decrypted: " + name
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// A tlsKey opens the records of one direction, from one secret.
type tlsKey struct {
	suite  tlsSuite
	aead   cipher.AEAD
	iv     []byte
	v13    bool
	secret []byte // in TLS 1.3, which the next key is made of
	seq    uint64 // of the next record
	plain  []byte // what was opened last
}

// overhead is how many octets of a record are not its content, and of TLS 1.3's
// padding none.
func (k *tlsKey) overhead() int {
	switch {
	case k.v13:
		return tlsOverhead13
	case k.suite.explicit:
		return 8 + 16
	}
	return 16
}

const tlsOverhead13 = 1 + 16 // the content's type, the tag

// open opens a record by its number, and returns what is in it and of which type
// that is; nil if the key or the number is a wrong one. It stays valid until the next
// call.
func (k *tlsKey) open(record []byte, seq uint64) (kind byte, plain []byte) {
	header, sealed := record[:recordHeader], record[recordHeader:]
	if len(sealed) < k.overhead() {
		return 0, nil
	}
	nonce := make([]byte, 12)
	copy(nonce, k.iv)
	if k.suite.explicit {
		copy(nonce[4:], sealed[:8])
		sealed = sealed[8:]
	} else {
		binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^seq)
	}
	about := header // RFC 8446 §5.2
	if !k.v13 {     // RFC 5246 §6.2.3.3
		about = binary.BigEndian.AppendUint64(nil, seq)
		about = append(about, header[:3]...)
		about = binary.BigEndian.AppendUint16(about, uint16(len(sealed)-k.aead.Overhead()))
	}
	plain, err := k.aead.Open(k.plain[:0], nonce, sealed, about)
	if err != nil {
		return 0, nil
	}
	k.plain = plain
	if !k.v13 {
		return header[0], plain
	}
	for n := len(plain); n > 0; n-- {
		if plain[n-1] != 0 {
			return plain[n-1], plain[:n-1]
		}
	}
	return 0, nil // "If a receiving implementation does not find a non-zero octet […]": RFC 8446 §5.4
}

// newKey13 makes a key of a traffic secret: RFC 8446 §7.3. nil if that cannot be.
func newKey13(s tlsSuite, secret []byte) *tlsKey {
	if len(secret) != s.hash().Size() {
		return nil
	}
	aead, err := s.aead(expandLabel(s, secret, "key", s.key))
	if err != nil {
		return nil
	}
	return &tlsKey{suite: s, aead: aead, iv: expandLabel(s, secret, "iv", 12), v13: true, secret: secret}
}

// next is the key behind a KeyUpdate: RFC 8446 §7.2.
func (k *tlsKey) next() *tlsKey {
	return newKey13(k.suite, expandLabel(k.suite, k.secret, "traffic upd", len(k.secret)))
}

// expandLabel is HKDF-Expand-Label without context: RFC 8446 §7.1.
func expandLabel(s tlsSuite, secret []byte, label string, n int) []byte {
	var b cryptobyte.Builder
	b.AddUint16(uint16(n))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("tls13 " + label)) })
	b.AddUint8(0)
	out, err := hkdf.Expand(s.hash, secret, string(b.BytesOrPanic()), n)
	if err != nil {
		return make([]byte, n) // a secret too short for FIPS mode: it opens nothing
	}
	return out
}

// newKey12 makes the key of a direction of a master secret: RFC 5246 §6.3. nil if
// that cannot be.
func newKey12(s tlsSuite, h *tlsHello, master []byte, d flow.Dir) *tlsKey {
	iv := 12
	if s.explicit {
		iv = 4
	}
	seed := append([]byte("key expansion"), h.serverRandom[:]...)
	seed = append(seed, h.random[:]...)
	block := prf(s.hash, master, seed, 2*s.key+2*iv)
	keys, ivs := block[:2*s.key], block[2*s.key:]
	i := int(d)
	aead, err := s.aead(keys[i*s.key : (i+1)*s.key])
	if err != nil {
		return nil
	}
	return &tlsKey{suite: s, aead: aead, iv: ivs[i*iv : (i+1)*iv]}
}

// prf is TLS 1.2's: RFC 5246 §5. The seed begins with the label.
func prf(h func() hash.Hash, secret, seed []byte, n int) []byte {
	mac := hmac.New(h, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:n]
}
