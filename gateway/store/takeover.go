package store

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// TakeOver copies from another store what belongs to nobody's chain and is nowhere else:
// the seeds of codes and other salts, contacts, and scan counts. Where both have a row,
// that of s stays. Not the outbox and its answers, which speak of the other chain, nor
// tokens, which name identities of that ledger; files travel by their hashes. It counts
// the rows taken over; on return they survive a crash. Scans counted meanwhile by s are
// not looked at: nobody scans while a ledger moves.
func (s *Store) TakeOver(from *Store) (taken int, err error) {
	b := s.db.NewBatch()
	defer func() { err = errors.Join(err, b.Close()) }()
	for _, kind := range []byte{kindContact, kindSalt, kindScan} {
		lower, upper := kindBounds(kind)
		if err := from.scan(lower, upper, func(k, row []byte) error {
			_, closer, err := s.db.Get(k)
			if err == nil {
				return closer.Close()
			}
			if !errors.Is(err, pebble.ErrNotFound) {
				return err
			}
			taken++
			return b.Set(bytes.Clone(k), bytes.Clone(row), nil)
		}); err != nil {
			return 0, err
		}
	}
	if taken == 0 {
		return 0, nil
	}
	return taken, s.commit(b)
}
