package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

const (
	// recentBytes bounds the blocks kept in memory for streams that follow
	// live.
	recentBytes = 8 << 20
	// transientBlocks is for how many blocks private data waits for its
	// transaction to be committed, as on a peer.
	transientBlocks = 1000
)

var errClosed = errors.New("the ledger is closed")

// store is everything the ledger keeps, in one Pebble database.
//
// What it promises after a crash: when commit has returned, the block, the
// state behind it, its history and its private data are there; when it has not,
// either all of them are or none. When keepTransient has returned, the private
// data is there until its transaction is committed or has become too old.
type store struct {
	db *database

	mu       sync.Mutex
	current  *view
	closed   bool
	advanced chan struct{} // closed when current changes
	waiting  map[string][]chan *place
	recent   map[uint64]recentBlock
	oldest   uint64 // smallest block in recent
	bytes    int    // size of recent

	transientMu sync.Mutex
	transient   map[string]uint64 // transaction id -> height it was endorsed at
}

func newStore(db *database) (*store, error) {
	s := &store{
		db:        db,
		advanced:  make(chan struct{}),
		waiting:   map[string][]chan *place{},
		recent:    map[uint64]recentBlock{},
		transient: map[string]uint64{},
	}
	height, err := readHeight(db)
	if err != nil {
		return nil, err
	}
	s.current = newView(db, height)
	return s, s.loadTransient()
}

func readHeight(db *database) (uint64, error) {
	raw, closer, err := db.Get(heightKey())
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	if len(raw) != 8 {
		return 0, fmt.Errorf("height row has %d bytes, must have 8", len(raw))
	}
	return binary.BigEndian.Uint64(raw), nil
}

func newView(db *database, height uint64) *view {
	v := &view{snapshot: db.NewSnapshot(), height: height}
	v.refs.Store(1)
	return v
}

// view returns the newest committed state; release it.
func (s *store) view() *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.refs.Add(1)
	return s.current
}

func (s *store) height() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.height
}

// recentBlock is a block as streams want it.
type recentBlock struct {
	*common.Block
	filtered []*peer.FilteredTransaction
}

// publish makes a committed block visible and wakes whoever waits for it.
func (s *store) publish(b *common.Block, filtered []*peer.FilteredTransaction, places map[string]*place) {
	next := newView(s.db, b.GetHeader().GetNumber()+1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.release()
	s.current = next
	s.remember(recentBlock{b, filtered})
	close(s.advanced)
	s.advanced = make(chan struct{})
	for id, p := range places {
		for _, ch := range s.waiting[id] {
			ch <- p // buffered for one
		}
		delete(s.waiting, id)
	}
}

// remember keeps the newest blocks at hand.
func (s *store) remember(b recentBlock) {
	number := b.GetHeader().GetNumber()
	if len(s.recent) == 0 {
		s.oldest = number
	}
	s.recent[number] = b
	s.bytes += sizeOf(b.Block)
	for s.bytes > recentBytes && s.oldest < number {
		s.bytes -= sizeOf(s.recent[s.oldest].Block)
		delete(s.recent, s.oldest)
		s.oldest++
	}
}

func sizeOf(b *common.Block) (n int) {
	for _, e := range b.GetData().GetData() {
		n += len(e)
	}
	return n
}

// awaitBlock returns a block as soon as it is committed.
func (s *store) awaitBlock(ctx context.Context, number uint64) (*common.Block, error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, errClosed
		}
		if b, ok := s.recent[number]; ok {
			s.mu.Unlock()
			return b.Block, nil
		}
		v, advanced := s.current, s.advanced
		v.refs.Add(1)
		s.mu.Unlock()
		b, err := v.block(number)
		v.release()
		if err != nil || b != nil {
			return b, err
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// recentFiltered returns what is kept of a recent block's transactions for filtered
// streams, nil for an older block.
func (s *store) recentFiltered(number uint64) []*peer.FilteredTransaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recent[number].filtered
}

// awaitTransaction returns where a transaction stands as soon as it is
// committed.
func (s *store) awaitTransaction(ctx context.Context, id string) (*place, error) {
	ch := make(chan *place, 1)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	s.waiting[id] = append(s.waiting[id], ch)
	v := s.current
	v.refs.Add(1)
	s.mu.Unlock()

	p, err := v.place(id)
	v.release()
	if p != nil || err != nil {
		s.forget(id, ch)
		return p, err
	}
	select {
	case p, ok := <-ch:
		if !ok {
			return nil, errClosed
		}
		return p, nil
	case <-ctx.Done():
		s.forget(id, ch)
		return nil, ctx.Err()
	}
}

func (s *store) forget(id string, ch chan *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.waiting[id][:0]
	for _, other := range s.waiting[id] {
		if other != ch {
			left = append(left, other)
		}
	}
	if len(left) == 0 {
		delete(s.waiting, id)
	} else {
		s.waiting[id] = left
	}
}

// stop wakes everyone who waits; they get errClosed.
func (s *store) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.advanced)
	for id, chs := range s.waiting {
		for _, ch := range chs {
			close(ch)
		}
		delete(s.waiting, id)
	}
}

// close ends the database. Every view must have been released.
func (s *store) close() error {
	s.stop()
	s.mu.Lock()
	s.current.release()
	s.mu.Unlock()
	// Flushed tables carry checksums over all they hold, so that damage done
	// while the ledger is closed shows when it is opened.
	return errors.Join(s.db.Flush(), s.db.Close())
}

// keepTransient stores the private data of an endorsed transaction until the
// transaction is committed.
func (s *store) keepTransient(id string, private *rwset.TxPvtReadWriteSet) error {
	raw, err := proto.Marshal(private)
	if err != nil {
		return err
	}
	height := s.height()
	if err := s.db.Set(transientKey(height, id), raw, pebble.Sync); err != nil {
		return err
	}
	s.transientMu.Lock()
	defer s.transientMu.Unlock()
	s.transient[id] = height
	return nil
}

// takeTransient returns the private data kept for a transaction, nil when there
// is none, and the row to delete once the transaction is committed.
func (s *store) takeTransient(id string) (*rwset.TxPvtReadWriteSet, []byte, error) {
	s.transientMu.Lock()
	height, ok := s.transient[id]
	s.transientMu.Unlock()
	if !ok {
		return nil, nil, nil
	}
	key := transientKey(height, id)
	raw, closer, err := s.db.Get(key)
	if err != nil {
		return nil, nil, fmt.Errorf("private data of transaction %s: %w", id, err)
	}
	defer closer.Close()
	private := &rwset.TxPvtReadWriteSet{}
	if err := proto.Unmarshal(raw, private); err != nil {
		return nil, nil, fmt.Errorf("private data of transaction %s: %w", id, err)
	}
	return private, key, nil
}

// staleTransient returns the rows whose transaction has not been committed in
// time. A range deletion would be shorter and slow down every read: Pebble keeps
// one fragment per block for it.
func (s *store) staleTransient(height uint64) (rows [][]byte) {
	s.transientMu.Lock()
	defer s.transientMu.Unlock()
	for id, at := range s.transient {
		if at+transientBlocks < height {
			rows = append(rows, transientKey(at, id))
		}
	}
	return rows
}

// dropTransient forgets private data that has been committed or waited too
// long.
func (s *store) dropTransient(ids []string, height uint64) {
	s.transientMu.Lock()
	defer s.transientMu.Unlock()
	for _, id := range ids {
		delete(s.transient, id)
	}
	for id, at := range s.transient {
		if at+transientBlocks < height {
			delete(s.transient, id)
		}
	}
}

func (s *store) loadTransient() error {
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{kindTransient},
		UpperBound: []byte{kindTransient + 1},
	})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		if key := it.Key(); len(key) > 9 {
			s.transient[string(key[9:])] = binary.BigEndian.Uint64(key[1:])
		}
	}
	return it.Close()
}
