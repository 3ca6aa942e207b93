package store

import (
	"errors"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Outbox holds, under a key made of organisation, party and idempotency key, either
// a transaction whose outcome is not settled ("pending") or the answer that was
// given ("settled"). The rows' content belongs to gateway/ledger; the store does
// not look into it.
type Outbox struct {
	store *Store

	mu      sync.Mutex
	pending map[string]struct{} // keys with a pending row; as many as transactions are under way
}

// openOutbox learns which rows are pending, so that Get, which nearly always asks for
// a key never seen before, looks in one place only.
func openOutbox(s *Store) (*Outbox, error) {
	o := &Outbox{store: s, pending: make(map[string]struct{})}
	return o, o.Pending(func(id string, _ []byte) error {
		o.pending[id] = struct{}{}
		return nil
	})
}

func (o *Outbox) setPending(id string, pending bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if pending {
		o.pending[id] = struct{}{}
	} else {
		delete(o.pending, id)
	}
}

func (o *Outbox) isPending(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, pending := o.pending[id]
	return pending
}

// Get returns the row under key, and whether it is settled. The caller sees to it
// that nobody changes the key's row meanwhile.
func (o *Outbox) Get(id string) (row []byte, settled, found bool, err error) {
	if o.isPending(id) {
		row, found, err = o.store.get(key(kindPending, id))
		return row, false, found, err
	}
	row, found, err = o.store.get(key(kindAnswer, id))
	return row, found, found, err
}

// Prepare records a transaction that is about to be submitted, replacing an earlier
// one under the same key. When it returned nil the row survives a crash: this is
// what allows the caller to submit.
func (o *Outbox) Prepare(id string, row []byte) error {
	b := o.store.db.NewBatch()
	if err := b.Set(key(kindPending, id), row, nil); err != nil {
		return err
	}
	o.setPending(id, true)
	return errors.Join(o.store.commit(b), b.Close())
}

// Settle replaces the pending row by the answer, in one step: after a crash either
// the pending row or the answer is there. It does not wait for the disk. If the
// answer is lost, the pending row is still there, and asking the ledger for its
// transaction gives the same answer again.
func (o *Outbox) Settle(id string, at time.Time, row []byte) error {
	b := o.store.db.NewBatch()
	err := errors.Join(
		b.Delete(key(kindPending, id), nil),
		b.Set(key(kindAnswer, id), row, nil),
		b.Set(timeKey(kindAnswerAge, at, id), nil, nil),
	)
	if err != nil {
		return err
	}
	return o.dropPending(id, b)
}

// Forget drops a pending row whose transaction is known to have changed nothing. It
// does not wait for the disk: a row that comes back after a crash is asked about
// again.
func (o *Outbox) Forget(id string) error {
	b := o.store.db.NewBatch()
	if err := b.Delete(key(kindPending, id), nil); err != nil {
		return err
	}
	return o.dropPending(id, b)
}

func (o *Outbox) dropPending(id string, b *pebble.Batch) error {
	if err := errors.Join(o.store.commitLater(b), b.Close()); err != nil {
		return err
	}
	o.setPending(id, false)
	return nil
}

// Pending calls visit for every row that is not settled, until visit fails.
func (o *Outbox) Pending(visit func(id string, row []byte) error) error {
	lower, upper := kindBounds(kindPending)
	return o.store.scan(lower, upper, func(k, row []byte) error {
		return visit(string(k[2:]), row)
	})
}

// sweepAnswers forgets answers given before cutoff and says how many. Pending rows
// have no age: they stay until they are settled.
func (o *Outbox) sweepAnswers(cutoff time.Time) (int, error) {
	lower, _ := kindBounds(kindAnswerAge)
	upper := timeKey(kindAnswerAge, cutoff, "")
	count := 0
	b := o.store.db.NewBatch()
	flush := func() error {
		err := errors.Join(o.store.commitLater(b), b.Close())
		b = o.store.db.NewBatch()
		return err
	}
	err := o.store.scan(lower, upper, func(k, _ []byte) error {
		id := string(k[2+8:])
		if err := errors.Join(b.Delete(k, nil), b.Delete(key(kindAnswer, id), nil)); err != nil {
			return err
		}
		count++
		if count%sweepBatch == 0 {
			return flush()
		}
		return nil
	})
	return count, errors.Join(err, flush(), b.Close())
}

// sweepBatch bounds the memory of a sweep and the time other writes wait for it.
const sweepBatch = 1000
