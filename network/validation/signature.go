package validation

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"sync"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var (
	errSignature = errors.New("signature does not verify")
	errHighS     = errors.New("signature has a high S; Fabric accepts only the lower of the two forms")
)

// verify checks an ASN.1 ECDSA signature over SHA-256 of the message. Fabric
// refuses the high-S twin of a signature so that nobody can alter the bytes of
// a signed transaction.
func verify(key *ecdsa.PublicKey, digest [sha256.Size]byte, signature []byte) error {
	var s big.Int
	in := cryptobyte.String(signature)
	var inner cryptobyte.String
	if !in.ReadASN1(&inner, asn1.SEQUENCE) || !inner.SkipASN1(asn1.INTEGER) || !inner.ReadASN1Integer(&s) {
		return errSignature
	}
	if s.Cmp(new(big.Int).Rsh(key.Curve.Params().N, 1)) > 0 {
		return errHighS
	}
	if !ecdsa.VerifyASN1(key, digest[:], signature) {
		return errSignature
	}
	return nil
}

// signatures remembers which exact (identity, digest, signature) triples have
// verified, so that a block does not pay twice for what was checked when its
// transactions came in. It keeps two generations of at most size entries and
// drops the older when the younger is full.
type signatures struct {
	size int

	mu         sync.Mutex
	young, old map[[sha256.Size]byte]struct{}
}

func newSignatures(size int) *signatures {
	return &signatures{size: size, young: map[[sha256.Size]byte]struct{}{}}
}

// triple names one verified fact. Every part is of fixed length or last.
func triple(id, digest [sha256.Size]byte, signature []byte) [sha256.Size]byte {
	b := make([]byte, 0, 2*sha256.Size+len(signature))
	b = append(append(append(b, id[:]...), digest[:]...), signature...)
	return sha256.Sum256(b)
}

func (s *signatures) has(t [sha256.Size]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.young[t]; ok {
		return true
	}
	_, ok := s.old[t]
	return ok
}

func (s *signatures) add(t [sha256.Size]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= s.size {
		s.old, s.young = s.young, make(map[[sha256.Size]byte]struct{}, s.size)
	}
	s.young[t] = struct{}{}
}
