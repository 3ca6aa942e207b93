// Package webhook signs what a gateway posts to a platform, and verifies it there.
//
// A receiver takes this package, or does the same in its own language: see
// docs/floor.md. It imports the standard library only.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Headers of a delivery.
const (
	// HeaderDelivery names the delivery. A delivery that is sent again, because its answer
	// was lost, has the same name: act on each name once.
	HeaderDelivery = "Traceledger-Delivery"
	// HeaderTimestamp is when this sending was signed, Unix milliseconds: so that one sent
	// again within a second is not taken for a replay.
	HeaderTimestamp = "Traceledger-Timestamp"
	// HeaderSignature is "v1=" and the hexadecimal HMAC-SHA256 over timestamp, ".",
	// delivery, "." and body.
	HeaderSignature = "Traceledger-Signature"
)

// MinSecret is the least length of a secret, in bytes.
const MinSecret = 32

// Tolerance is how old, or how far ahead, a timestamp may be.
const Tolerance = 5 * time.Minute

// Why a delivery is not taken.
var (
	ErrUnsigned = errors.New("webhook: delivery, timestamp or signature is missing or malformed")
	ErrOld      = errors.New("webhook: the timestamp is more than five minutes off")
	ErrForged   = errors.New("webhook: the signature is not by this secret over this body")
	ErrReplayed = errors.New("webhook: these very bytes came before")
)

// Sign sets the headers of a sending.
func Sign(h http.Header, secret []byte, delivery string, body []byte, at time.Time) {
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	h.Set(HeaderDelivery, delivery)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, "v1="+hex.EncodeToString(mac(secret, timestamp, delivery, body)))
}

func mac(secret []byte, timestamp, delivery string, body []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(timestamp + "." + delivery + "."))
	m.Write(body)
	return m.Sum(nil)
}

// Verifier is a receiver's guard. Its methods are safe for concurrent use; what it
// remembers is bounded by what arrives, rightly signed, within ten minutes.
type Verifier struct {
	Secret []byte
	Now    func() time.Time // nil is time.Now

	mu   sync.Mutex
	seen map[[sha256.Size]byte]time.Time
}

// Verify gives the name of a delivery that is rightly signed, fresh, and not the very
// bytes of one that came before. Body is what was received, before any decoding.
func (v *Verifier) Verify(h http.Header, body []byte) (delivery string, err error) {
	delivery, timestamp := h.Get(HeaderDelivery), h.Get(HeaderTimestamp)
	milliseconds, err := strconv.ParseInt(timestamp, 10, 64)
	given, bad := hex.DecodeString(trimVersion(h.Get(HeaderSignature)))
	if delivery == "" || err != nil || bad != nil || len(given) != sha256.Size {
		return "", ErrUnsigned
	}
	if subtle.ConstantTimeCompare(given, mac(v.Secret, timestamp, delivery, body)) != 1 {
		return "", ErrForged
	}
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	at := now()
	if signed := time.UnixMilli(milliseconds); at.Sub(signed) > Tolerance || signed.Sub(at) > Tolerance {
		return "", ErrOld
	}
	if v.replayed([sha256.Size]byte(given), at) {
		return "", ErrReplayed
	}
	return delivery, nil
}

func trimVersion(signature string) string {
	if len(signature) < 3 || signature[:3] != "v1=" {
		return ""
	}
	return signature[3:]
}

// replayed remembers a signature for as long as its timestamp could be taken.
func (v *Verifier) replayed(signature [sha256.Size]byte, at time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil {
		v.seen = map[[sha256.Size]byte]time.Time{}
	}
	for s, since := range v.seen {
		if at.Sub(since) > 2*Tolerance {
			delete(v.seen, s)
		}
	}
	_, before := v.seen[signature]
	if !before {
		v.seen[signature] = at
	}
	return before
}
