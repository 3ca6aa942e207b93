package store

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Every key of the rows database. A key is a letter for its kind, a slash, and the
// parts in the order of the comment; times are eight bytes, big-endian Unix
// milliseconds, so that a sweep reads only what is old.
const (
	kindPending   = 'o' // o/ key → signed transaction whose outcome is not settled
	kindAnswer    = 'a' // a/ key → answer given to an idempotency key
	kindAnswerAge = 'b' // b/ time, key → nothing; the answers by age
	kindFile      = 'f' // f/ hash[32] → size, media type, uploader, time, place
	kindFileAge   = 'g' // g/ time, hash[32] → party charged; files that no record is known to name, by age
	kindPayload   = 'p' // p/ time, hash[32] → bytes of a small file
	kindToken     = 't' // t/ id → token without its secret
	kindContact   = 'c' // c/ reference → how to reach a natural person
	kindSalt      = 's' // s/ reference → salt of a commitment on the chain
	kindScan      = 'n' // n/ code → first scan, count
	kindDevice    = 'd' // d/ device → what was enrolled under it, without its secret
	kindFloor     = 'l' // l/ name given by gateway/floor → row of it
)

// checkRow is asked about every row when a store opens.
func checkRow(key, _ []byte) error {
	if len(key) < 2 || key[1] != '/' {
		return fmt.Errorf("key %q is not of this store", key)
	}
	switch key[0] {
	case kindPending, kindAnswer, kindAnswerAge, kindFile, kindFileAge, kindPayload, kindToken, kindContact, kindSalt, kindScan, kindDevice, kindFloor:
		return nil
	default:
		return fmt.Errorf("key %q is not of this version of the store", key)
	}
}

func key(kind byte, part string) []byte {
	k := make([]byte, 0, 2+len(part))
	return append(append(k, kind, '/'), part...)
}

func timeKey(kind byte, at time.Time, part string) []byte {
	k := make([]byte, 0, 10+len(part))
	k = append(k, kind, '/')
	k = binary.BigEndian.AppendUint64(k, milliseconds(at))
	return append(k, part...)
}

func timeOfKey(k []byte) time.Time {
	return fromMilliseconds(binary.BigEndian.Uint64(k[2:10]))
}

// kindBounds are the limits of all keys of a kind.
func kindBounds(kind byte) (lower, upper []byte) {
	return []byte{kind, '/'}, []byte{kind, '/' + 1}
}

func milliseconds(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

func fromMilliseconds(ms uint64) time.Time { return time.UnixMilli(int64(ms)).UTC() }

// rounded gives a time the precision of rows, so that what is returned on writing
// equals what is read later.
func rounded(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

// millisecondsOrZero writes the zero time as 0; rowReader.time reads it back so.
func millisecondsOrZero(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return milliseconds(t)
}
