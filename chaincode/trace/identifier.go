package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

type (
	// PartyID is a pseudonymous party id, lower-case letters, digits and '-', 3 to
	// 40 long: "farm-pujiang-01". Names of natural persons never appear in it.
	PartyID string
	// GTIN is a 14-digit GS1 trade item number with a correct check digit.
	GTIN string
	// SSCC is an 18-digit GS1 serial shipping container code with a correct check digit.
	SSCC string
	// LotNumber is a GS1 AI 10 batch or lot: 1 to 20 characters of the AI 82 set.
	LotNumber string
	// PlotID names a plot within its producer: same form as PartyID.
	PlotID string
	// ShipmentID, DeviceID and PackID have the same form as PartyID.
	ShipmentID string
	DeviceID   string
	// PackID names a code pack: eight characters of the serial alphabet, so that it
	// fits the short form of a code.
	PackID string
	// FactID names a fact that has no natural id: the first 16 bytes of
	// SHA-256(organisation, party, idempotency key), hex. See NewFactID.
	FactID string
	// Key is the full state key of a record on the chain. It is the record's public
	// name: a reference to evidence is a Key, so that a contract verifies it by a
	// point read. Built in chaincode/state only.
	Key string
)

// LotID names a batch: a lot of one product.
type LotID struct {
	GTIN GTIN      `json:"gtin"`
	Lot  LotNumber `json:"lot"`
}

func (l LotID) String() string { return string(l.GTIN) + " " + string(l.Lot) }

// Digest is a SHA-256 hash. JSON: 64 lower-case hex digits.
type Digest [sha256.Size]byte

// DigestOf hashes b.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero tells whether the digest was never set; it also serves omitzero.
func (d Digest) IsZero() bool { return d == Digest{} }

// ParseDigest reads 64 lower-case hex digits.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*len(d) || strings.ToLower(s) != s {
		return d, Errorf(CodeInvalid, "hash %q is not 64 lower-case hex digits", clip(s))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return d, Errorf(CodeInvalid, "hash %q is not 64 lower-case hex digits", clip(s))
	}
	return d, nil
}

// MarshalJSON writes hex.
func (d Digest) MarshalJSON() ([]byte, error) { return quote(d.String()), nil }

// UnmarshalJSON reads hex.
func (d *Digest) UnmarshalJSON(b []byte) error {
	s, ok := unquote(b)
	if !ok {
		return Errorf(CodeInvalid, "hash %s is not a text of 64 hex digits", clip(string(b)))
	}
	p, err := ParseDigest(s)
	if err != nil {
		return err
	}
	*d = p
	return nil
}

// NewFactID derives the id of a fact from who writes it and its idempotency key,
// so that a retry of the same request is the same record. Lengths are mixed in:
// no two triples collide by moving a character.
func NewFactID(msp string, party PartyID, idempotencyKey string) FactID {
	h := sha256.New()
	for _, part := range []string{msp, string(party), idempotencyKey} {
		n := len(part)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write([]byte(part))
	}
	return FactID(hex.EncodeToString(h.Sum(nil)[:16]))
}

// CheckDigit computes the GS1 check digit of data (all digits): weights 3, 1 from
// the rightmost data digit (GS1 General Specifications 7.9).
func CheckDigit(data string) byte {
	sum := 0
	for i := 0; i < len(data); i++ {
		d := int(data[len(data)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

func validGS1Key(name, s string, length int) error {
	if s == "" {
		return Errorf(CodeMissing, "%s is missing", name)
	}
	if len(s) != length {
		return Errorf(CodeInvalid, "%s %q has %d characters, must be %d digits", name, clip(s), len(s), length)
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return Errorf(CodeInvalid, "%s %q must be digits only", name, clip(s))
		}
	}
	if want := CheckDigit(s[:length-1]); s[length-1] != want {
		return Errorf(CodeCheckDigit, "%s %s: check digit is %c, must be %c", name, s, s[length-1], want)
	}
	return nil
}

// PrintedGTIN reads a trade item number as it is printed: one of 8, 12 or 13 digits has the
// zeros before it that fill it up to 14 (GS1 General Specifications, 3.2), spaces do not count.
// It checks nothing.
func PrintedGTIN(printed string) GTIN {
	digits := strings.ReplaceAll(printed, " ", "")
	if n := len(digits); n == 8 || n == 12 || n == 13 {
		digits = strings.Repeat("0", 14-n) + digits
	}
	return GTIN(digits)
}

// Validate checks length, digits and check digit.
func (g GTIN) Validate() error { return validGS1Key("GTIN", string(g), 14) }

// Validate checks length, digits and check digit.
func (s SSCC) Validate() error { return validGS1Key("SSCC", string(s), 18) }

// Validate checks the GS1 AI encodable character set 82 and the length 1 to 20
// (GS1 General Specifications 7.11).
func (l LotNumber) Validate() error { return validAI82("lot", string(l)) }

// Validate checks both parts.
func (l LotID) Validate() error {
	if err := l.GTIN.Validate(); err != nil {
		return err
	}
	return l.Lot.Validate()
}

func validAI82(name, s string) error {
	if s == "" {
		return Errorf(CodeMissing, "%s is missing", name)
	}
	if len(s) > 20 {
		return Errorf(CodeInvalid, "%s %q is longer than 20 characters", name, clip(s))
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !alnum && !strings.ContainsRune("!\"%&'()*+,-./_:;<=>?", rune(c)) {
			return Errorf(CodeInvalid, "%s %q contains %q, which GS1 does not allow there", name, clip(s), string(rune(c)))
		}
	}
	return nil
}

func validName(kind, s string) error {
	if s == "" {
		return Errorf(CodeMissing, "%s is missing", kind)
	}
	if len(s) < 3 || len(s) > 40 {
		return Errorf(CodeInvalid, "%s %q must be 3 to 40 characters", kind, clip(s))
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0 && i < len(s)-1) {
			return Errorf(CodeInvalid, "%s %q must be lower-case letters, digits and inner '-'", kind, clip(s))
		}
	}
	return nil
}

// Validate checks the form.
func (p PartyID) Validate() error { return validName("party", string(p)) }

// Validate checks the form.
func (p PlotID) Validate() error { return validName("plot", string(p)) }

// Validate checks the form.
func (s ShipmentID) Validate() error { return validName("shipment", string(s)) }

// Validate checks the form.
func (d DeviceID) Validate() error { return validName("device", string(d)) }

// hidesText tells characters that make a text read otherwise than it is stored: controls
// but the line feed, line and paragraph separators, bidirectional embeddings, overrides
// and isolates, zero-width space, byte order mark.
func hidesText(r rune) bool {
	switch {
	case r == '\n':
		return false
	case r < 0x20, r >= 0x7f && r <= 0x9f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200b, r == 0xfeff:
		return true
	}
	return false
}

// ValidText checks that s is UTF-8 without control characters, not empty when
// required, and at most most characters long. name appears in the error.
func ValidText(name, s string, required bool, most int) error {
	if s == "" {
		if required {
			return Errorf(CodeMissing, "%s is missing", name)
		}
		return nil
	}
	if !utf8.ValidString(s) {
		return Errorf(CodeInvalid, "%s is not UTF-8", name)
	}
	if n := utf8.RuneCountInString(s); n > most {
		return Errorf(CodeTooLarge, "%s has %d characters, at most %d", name, n, most)
	}
	for _, r := range s {
		if hidesText(r) {
			return Errorf(CodeInvalid, "%s contains the control character U+%04X", name, r)
		}
	}
	return nil
}
