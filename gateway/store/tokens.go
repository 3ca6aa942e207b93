package store

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"traceledger/chaincode/trace"
)

// Codes of tokens. What a stranger may learn is only that a token does not count.
const (
	CodeTokenUnknown trace.Code = "TOKEN_UNKNOWN"
	CodeTokenExpired trace.Code = "TOKEN_EXPIRED"
	CodeTokenRevoked trace.Code = "TOKEN_REVOKED"
)

// Token lets a program or a person act through this gateway as an enrolled
// identity. The secret itself is shown once, by Create, and not kept.
type Token struct {
	ID        string // 16 hexadecimal digits, public: for lists, logs and revoking
	Name      string // what its holder calls it
	MSPID     string // organisation
	Party     string
	Role      string
	Enrolment string // names the X.509 identity that signs for it
	Created   time.Time
	Expires   time.Time // zero: does not expire
	Revoked   time.Time // zero: not revoked
}

// Tokens holds access tokens.
type Tokens struct{ store *Store }

const tokenPrefix = "tlt_"

// Create makes a token with a fresh 256-bit secret and returns the text its holder
// presents. The ID and Created fields of t are set here. Durable on return.
func (k *Tokens) Create(t Token) (presented string, made Token, err error) {
	var random [8 + 32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", Token{}, err
	}
	id, secret := random[:8], random[8:]
	t.ID = hex.EncodeToString(id)
	t.Created, t.Expires, t.Revoked = rounded(k.store.now()), rounded(t.Expires), time.Time{}
	digest := sha256.Sum256(secret)
	if err := k.put(t, digest); err != nil {
		return "", Token{}, err
	}
	return tokenPrefix + t.ID + "_" + base64.RawURLEncoding.EncodeToString(secret), t, nil
}

// Authenticate returns the token that presented text belongs to, or refuses with
// CodeTokenUnknown, CodeTokenExpired or CodeTokenRevoked. It compares the secret's
// SHA-256 in constant time.
func (k *Tokens) Authenticate(presented string) (Token, error) {
	refused := trace.Errorf(CodeTokenUnknown, "the access token is not one of this gateway's")
	text, ok := strings.CutPrefix(presented, tokenPrefix)
	id, encoded, cut := strings.Cut(text, "_")
	if !ok || !cut || len(id) != 16 {
		return Token{}, refused
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Token{}, refused
	}
	t, digest, found, err := k.get(id)
	if err != nil {
		return Token{}, err
	}
	given := sha256.Sum256(secret)
	if subtle.ConstantTimeCompare(given[:], digest[:]) != 1 || !found {
		return Token{}, refused
	}
	if !t.Revoked.IsZero() {
		return Token{}, trace.Errorf(CodeTokenRevoked, "access token %s was revoked on %s", t.ID, t.Revoked.Format(time.RFC3339))
	}
	if !t.Expires.IsZero() && !k.store.now().Before(t.Expires) {
		return Token{}, trace.Errorf(CodeTokenExpired, "access token %s expired on %s", t.ID, t.Expires.Format(time.RFC3339))
	}
	return t, nil
}

// Revoke ends a token. Durable on return; revoking again changes nothing.
func (k *Tokens) Revoke(id string) error {
	t, digest, found, err := k.get(id)
	if err != nil {
		return err
	}
	if !found {
		return trace.Errorf(CodeTokenUnknown, "no access token %.40q is kept here", id)
	}
	if !t.Revoked.IsZero() {
		return nil
	}
	t.Revoked = rounded(k.store.now())
	return k.put(t, digest)
}

// List calls visit for every token, revoked and expired ones too, ordered by ID.
func (k *Tokens) List(visit func(Token) error) error {
	lower, upper := kindBounds(kindToken)
	return k.store.scan(lower, upper, func(rowKey, row []byte) error {
		t, _, err := readToken(string(rowKey[2:]), row)
		if err != nil {
			return err
		}
		return visit(t)
	})
}

func (k *Tokens) put(t Token, digest [32]byte) error {
	b := k.store.db.NewBatch()
	if err := b.Set(key(kindToken, t.ID), appendToken(nil, t, digest), nil); err != nil {
		return err
	}
	return errors.Join(k.store.commit(b), b.Close())
}

func (k *Tokens) get(id string) (t Token, digest [32]byte, found bool, err error) {
	row, found, err := k.store.get(key(kindToken, id))
	if err != nil || !found {
		return Token{}, digest, false, err
	}
	t, digest, err = readToken(id, row)
	return t, digest, err == nil, err
}

const tokenForm = 1

func appendToken(row []byte, t Token, digest [32]byte) []byte {
	row = append(row, tokenForm)
	row = appendText(row, string(digest[:]))
	row = appendNumbers(row, milliseconds(t.Created), millisecondsOrZero(t.Expires), millisecondsOrZero(t.Revoked))
	for _, text := range []string{t.Name, t.MSPID, t.Party, t.Role, t.Enrolment} {
		row = appendText(row, text)
	}
	return row
}

func readToken(id string, row []byte) (t Token, digest [32]byte, err error) {
	r := rowReader{rest: row}
	r.form(tokenForm)
	if copy(digest[:], r.text()) != len(digest) {
		r.err = errRow
	}
	t = Token{ID: id, Created: r.time(), Expires: r.time(), Revoked: r.time()}
	for _, text := range []*string{&t.Name, &t.MSPID, &t.Party, &t.Role, &t.Enrolment} {
		*text = r.text()
	}
	if err := r.end(); err != nil {
		return Token{}, digest, fmt.Errorf("row of token %s: %w", id, err)
	}
	return t, digest, nil
}
