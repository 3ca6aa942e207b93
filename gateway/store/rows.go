package store

import (
	"encoding/binary"
	"errors"
	"time"
)

// Rows made of a few fields are length-prefixed values one after another, behind a
// byte that names the form.

func appendText(row []byte, text string) []byte {
	row = binary.AppendUvarint(row, uint64(len(text)))
	return append(row, text...)
}

var errRow = errors.New("row is not of this store's form")

// rowReader takes a row apart; the first field that does not fit makes it fail.
type rowReader struct {
	rest []byte
	err  error
}

func (r *rowReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.err, r.rest = errRow, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *rowReader) text() string {
	size := r.number()
	if r.err != nil || size > uint64(len(r.rest)) {
		r.err, r.rest = errRow, nil
		return ""
	}
	text := string(r.rest[:size])
	r.rest = r.rest[size:]
	return text
}

func (r *rowReader) time() time.Time {
	ms := r.number()
	if ms == 0 {
		return time.Time{}
	}
	return fromMilliseconds(ms)
}

func (r *rowReader) form(want byte) {
	if len(r.rest) == 0 || r.rest[0] != want {
		r.err, r.rest = errRow, nil
		return
	}
	r.rest = r.rest[1:]
}

func (r *rowReader) end() error {
	if r.err == nil && len(r.rest) != 0 {
		return errRow
	}
	return r.err
}

func appendNumbers(row []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		row = binary.AppendUvarint(row, n)
	}
	return row
}
