package ledger

import (
	"cmp"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/hyperledger/fabric-gateway/pkg/identity"

	"traceledger/chaincode/trace"
)

// Identity is an enrolled X.509 identity that can sign.
type Identity struct {
	MSPID       string
	Certificate *x509.Certificate
	Sign        identity.Sign // signs a SHA-256 digest: ECDSA, DER, low S
	Party       string        // certificate attribute trace.party; scopes idempotency keys
	Role        string        // certificate attribute trace.role
}

// attributesOID is where Fabric CA puts certificate attributes, as JSON.
var attributesOID = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

// NewIdentity makes an identity from a PEM certificate and its PEM private key
// (ECDSA, PKCS#8 or SEC 1), with party and role from the certificate's attributes.
func NewIdentity(mspID string, certificatePEM, keyPEM []byte) (Identity, error) {
	certificate, err := identity.CertificateFromPEM(certificatePEM)
	if err != nil {
		return Identity{}, fmt.Errorf("certificate of %s: %w", mspID, err)
	}
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return Identity{}, fmt.Errorf("private key of %s: %w", mspID, err)
	}
	if mspID == "" {
		return Identity{}, errors.New("the identity's organisation is not given")
	}
	if signer, ok := key.(crypto.Signer); !ok || !samePublicKey(certificate.PublicKey, signer.Public()) {
		return Identity{}, fmt.Errorf("private key of %s: it is not the certificate's", mspID)
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return Identity{}, fmt.Errorf("private key of %s: %w", mspID, err)
	}
	attributes, err := attributesOf(certificate)
	if err != nil {
		return Identity{}, fmt.Errorf("certificate of %s: %w", mspID, err)
	}
	return Identity{
		MSPID: mspID, Certificate: certificate, Sign: sign,
		Party: attributes["trace.party"], Role: attributes["trace.role"],
	}, nil
}

func samePublicKey(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

func attributesOf(certificate *x509.Certificate) (map[string]string, error) {
	for _, extension := range certificate.Extensions {
		if extension.Id.Equal(attributesOID) {
			var content struct {
				Attrs map[string]string `json:"attrs"`
			}
			if err := json.Unmarshal(extension.Value, &content); err != nil {
				return nil, fmt.Errorf("attributes: %w", err)
			}
			return content.Attrs, nil
		}
	}
	return nil, nil
}

// Call names a contract method and carries what it is given.
type Call struct {
	Contract, Method string            // "origin", "RegisterBatch" is method origin:RegisterBatch
	Arguments        []byte            // one JSON document; nil: the method takes none
	Transient        map[string][]byte // given to endorsers and not put on the chain
	Endorsers        []string          // organisations that endorse; required with Transient, else the gateway chooses
	Spare            []string          // further ones, to endorse in the place of any but the first of Endorsers that fails or disagrees

	// IdempotencyKey makes repeats of this call one call, within (MSPID, Party) of
	// its identity. Required by Submit; not used by Evaluate.
	IdempotencyKey string
}

// Receipt says where a call took effect.
type Receipt struct {
	TransactionID string
	Block         uint64
	Result        []byte // what the contract method returned
}

// maxIdempotencyKey bounds what a caller may choose, in bytes.
const maxIdempotencyKey = 255

func (call Call) method() string { return call.Contract + ":" + call.Method }

func (call Call) check() error {
	if call.Contract == "" || call.Method == "" {
		return trace.Errorf(CodeCall, "a call names a contract and a method, got %q", call.method())
	}
	if len(call.Transient) > 0 && len(call.Endorsers) == 0 {
		return trace.Errorf(CodeCall, "%s has transient data: name the organisations that endorse it", call.method())
	}
	return nil
}

func (call Call) checkSubmit() error {
	if n := len(call.IdempotencyKey); n == 0 || n > maxIdempotencyKey {
		return trace.Errorf(CodeCall, "%s needs an idempotency key of 1 to %d bytes, got %d", call.method(), maxIdempotencyKey, n)
	}
	return call.check()
}

// choices are the sets of organisations that can endorse the call: the first of Endorsers is in
// all, with as many of the others and the spare ones as Endorsers has. Those that stoodIn
// names are taken first.
func (call Call) choices(stoodIn []string) iter.Seq[[]string] {
	others := slices.Concat(call.Endorsers[1:], call.Spare)
	slices.SortStableFunc(others, func(a, b string) int {
		return cmp.Compare(slices.Index(stoodIn, b), slices.Index(stoodIn, a))
	})
	return func(yield func([]string) bool) {
		var choose func(chosen, from []string) (more bool)
		choose = func(chosen, from []string) bool {
			if len(chosen) == len(call.Endorsers) {
				return yield(chosen)
			}
			for i, msp := range from {
				if !choose(append(slices.Clip(chosen), msp), from[i+1:]) {
					return false
				}
			}
			return true
		}
		choose(call.Endorsers[:1], others)
	}
}

// outboxKey names a call's row: the same organisation, party and idempotency key.
func outboxKey(id Identity, call Call) string {
	digest := hashParts([]byte(id.MSPID), []byte(id.Party), []byte(call.IdempotencyKey))
	return string(digest[:])
}

// contentHash is equal for calls that ask for the same. Who endorses is the
// gateway's choice and not part of it.
func (call Call) contentHash() [sha256.Size]byte {
	parts := [][]byte{[]byte(call.Contract), []byte(call.Method), call.Arguments}
	for _, name := range slices.Sorted(maps.Keys(call.Transient)) {
		parts = append(parts, []byte(name), call.Transient[name])
	}
	return hashParts(parts...)
}

// hashParts hashes parts with their lengths, so that no two lists run together.
func hashParts(parts ...[]byte) (sum [sha256.Size]byte) {
	digest := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		digest.Write(length[:])
		digest.Write(part)
	}
	digest.Sum(sum[:0])
	return sum
}
