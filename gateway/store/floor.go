package store

import (
	"errors"
	"strings"
)

// Floor holds the rows of gateway/floor: utterances and runs that are not on the chain
// yet, deliveries under way, claims of reviewers. Their names and content belong to it;
// the store does not look into them.
type Floor struct{ store *Store }

// Change is what Apply does to rows, by name: a nil row is dropped.
type Change map[string][]byte

// Apply makes all of a change, or after a crash none of it. Durable on return.
func (f Floor) Apply(change Change) error {
	b := f.store.db.NewBatch()
	for name, row := range change {
		var err error
		if row == nil {
			err = b.Delete(key(kindFloor, name), nil)
		} else {
			err = b.Set(key(kindFloor, name), row, nil)
		}
		if err != nil {
			return errors.Join(err, b.Close())
		}
	}
	return errors.Join(f.store.commit(b), b.Close())
}

// Get returns the row of a name.
func (f Floor) Get(name string) (row []byte, found bool, err error) {
	return f.store.get(key(kindFloor, name))
}

// Each calls visit for every row whose name begins so, by name, until visit fails. The
// row is valid only during the call.
func (f Floor) Each(prefix string, visit func(name string, row []byte) error) error {
	lower := key(kindFloor, prefix)
	_, upper := kindBounds(kindFloor)
	past := errors.New("past the rows asked for")
	err := f.store.scan(lower, upper, func(k, row []byte) error {
		name := string(k[2:])
		if !strings.HasPrefix(name, prefix) {
			return past
		}
		return visit(name, row)
	})
	if errors.Is(err, past) {
		return nil
	}
	return err
}
