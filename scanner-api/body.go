package scanner

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"traceledger/chaincode/trace"
)

// A body is a rendered page or document with holes for what changes from scan to
// scan. It is made once for a lot's version and an item's journey; a request only
// fills the holes.
type body struct {
	pieces [][]byte // one more than holes
	packed [][]byte // the pieces compressed, see packed.go
	holes  []hole
	tag    string // names the pieces, for the entity tag
	size   int
	// until is when a body that lacks bytes not kept here is made anew, because they
	// may have come meanwhile; zero for a body that lacks nothing.
	until time.Time
}

// hole is a value that changes from scan to scan.
type hole int

const (
	holeAddress hole = iota // path of the item's page
	holeSerial
	holeItem
	holeFirst // time of the first scan, as the representation writes it
	holeCount
	holes // how many there are
)

// marks are texts that stand for the holes while a body is rendered: letters only,
// so that no template escapes them, and unguessable, so that no record contains one.
type marks [holes]string

func newMarks() marks {
	var secret [12]byte
	rand.Read(secret[:]) // never fails, as its documentation promises
	var m marks
	for i := range m {
		m[i] = "hole" + hex.EncodeToString(secret[:]) + string(rune('A'+i))
	}
	return m
}

// cut takes rendered bytes apart at the marks.
func (m *marks) cut(rendered []byte) (*body, error) {
	b := &body{size: len(rendered)}
	sum := trace.DigestOf(rendered)
	b.tag = base64.RawURLEncoding.EncodeToString(sum[:9])
	prefix := []byte(m[0][:len(m[0])-1])
	for at := bytes.Index(rendered, prefix); at >= 0; at = bytes.Index(rendered, prefix) {
		b.pieces = append(b.pieces, rendered[:at:at])
		b.holes = append(b.holes, hole(rendered[at+len(prefix)]-'A'))
		rendered = rendered[at+len(prefix)+1:]
	}
	b.pieces = append(b.pieces, rendered)
	for _, piece := range b.pieces {
		packed, err := pack(piece)
		if err != nil {
			return nil, err
		}
		b.packed = append(b.packed, packed)
		b.size += len(packed)
	}
	return b, nil
}

// filling is the text for each hole. Every one of them is made of characters that
// mean nothing in HTML, JSON and URLs.
type filling [holes]string

// append appends the finished body.
func (b *body) append(to []byte, f *filling) []byte {
	for i, h := range b.holes {
		to = append(to, b.pieces[i]...)
		to = append(to, f[h]...)
	}
	return append(to, b.pieces[len(b.pieces)-1]...)
}

// weight is about how many bytes of memory the body takes.
func (b *body) weight() int64 { return int64(b.size + 64*len(b.pieces)) }

// entityTag names the finished body: the pieces and the values that can change
// while the address stays.
func (b *body) entityTag(f *filling) string {
	var t strings.Builder
	t.Grow(len(b.tag) + len(f[holeFirst]) + len(f[holeCount]) + 4)
	t.WriteString(`"`)
	t.WriteString(b.tag)
	if len(b.holes) > 0 {
		t.WriteByte('-')
		for i := 0; i < len(f[holeFirst]); i++ {
			if c := f[holeFirst][i]; c >= '0' && c <= '9' {
				t.WriteByte(c)
			}
		}
		t.WriteByte('-')
		t.WriteString(f[holeCount])
	}
	t.WriteString(`"`)
	return t.String()
}
