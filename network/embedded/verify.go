package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// Verify checks the whole ledger up to its present height: the chain of header
// and data hashes, the orderer's signatures, every creator's and endorser's
// signature, the validation flags and commit hashes, and that the stored state
// is what the blocks come to. It replays all blocks into a scratch database
// beside the ledger and may run while the ledger is in use. What it finds wrong
// comes back as a *DamagedError.
func (l *Ledger) Verify(ctx context.Context) (err error) {
	v := l.store.view()
	defer v.release()
	genesis, err := v.block(0)
	if err != nil {
		return damaged("%v", err)
	}
	channel, err := validation.ReadChannel(genesis)
	if err != nil {
		return damaged("block 0: %v", err)
	}
	scratch, err := newScratch(l.cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.close()) }()

	r := &replay{validator: validation.New(channel), scratch: scratch.store}
	for number := range v.height {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := v.block(number)
		if err != nil {
			return damaged("%v", err)
		}
		if err := r.block(b); err != nil {
			return damaged("block %d: %v", number, err)
		}
	}
	return r.compare(v)
}

// scratch is a store that lives as long as one verification.
type scratch struct {
	*store
	cfg Config
	dir string
}

func newScratch(cfg Config) (*scratch, error) {
	dir := cfg.FS.PathJoin(cfg.Dir, fmt.Sprintf("verify-%d", cfg.Now().UnixNano()))
	db, err := createDB(cfg.FS, dir, cfg.Logger)
	if err != nil {
		return nil, err
	}
	s, err := newStore(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &scratch{store: s, cfg: cfg, dir: dir}, nil
}

func (s *scratch) close() error {
	return errors.Join(s.store.close(), s.cfg.FS.RemoveAll(s.dir))
}

// replay follows a chain of blocks from the first one.
type replay struct {
	validator  *validation.Validator
	scratch    *store
	previous   []byte
	commitHash []byte
}

func (r *replay) block(b *common.Block) error {
	number := b.GetHeader().GetNumber()
	if err := block.CheckLink(b, r.previous); err != nil {
		return err
	}
	r.previous = block.HeaderHash(b.GetHeader())
	if number > 0 {
		if err := r.validator.VerifyOrderers(b); err != nil {
			return err
		}
	}
	flags, err := block.Flags(b)
	if err != nil {
		return err
	}
	txs := make([]*validation.Checked, len(b.GetData().GetData()))
	for i, raw := range b.GetData().GetData() {
		txs[i] = r.validator.Check(block.ParseTransaction(raw))
	}
	v := r.scratch.view()
	defer v.release()
	before := newBlockState(v)
	outcome, err := r.outcome(b, txs, before)
	if err != nil {
		return err
	}
	for i, code := range outcome.Codes {
		if code != flags[i] {
			return fmt.Errorf("transaction %d, %s, is flagged %s, must be %s", i, txs[i].ID(), flags[i], code)
		}
	}
	if err := r.checkCommitHash(b, outcome); err != nil {
		return err
	}
	w, err := r.scratch.prepare(b, txs, outcome, before)
	if err != nil {
		return err
	}
	defer w.batch.Close()
	if err := w.batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	r.scratch.publish(b, nil, w.places)
	return nil
}

func (r *replay) outcome(b *common.Block, txs []*validation.Checked, state validation.State) (*validation.Outcome, error) {
	if b.GetHeader().GetNumber() == 0 {
		return r.validator.ValidateBlock(b, state)
	}
	return r.validator.Validate(b.GetHeader().GetNumber(), txs, state)
}

func (r *replay) checkCommitHash(b *common.Block, outcome *validation.Outcome) error {
	if b.GetHeader().GetNumber() == 0 {
		return nil
	}
	have, err := block.CommitHash(b)
	if err != nil {
		return err
	}
	flags := b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	r.commitHash = validation.CommitHash(r.commitHash, flags, outcome.Updates)
	if !bytes.Equal(have, r.commitHash) {
		return fmt.Errorf("commit hash is %x, must be %x", have, r.commitHash)
	}
	return nil
}

// compare checks that the stored rows are those the replay has come to. Private
// values are left out: they are not in the blocks. Their hashes are.
func (r *replay) compare(v *view) error {
	replayed := r.scratch.view()
	defer replayed.release()
	for _, kind := range []byte{kindBlock, kindEnvelope, kindID, kindState, kindHashed, kindHistory} {
		if err := sameRows(v, replayed, kind); err != nil {
			return err
		}
	}
	return nil
}

func sameRows(stored, replayed *view, kind byte) error {
	bounds := &pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}}
	a, err := stored.snapshot.NewIter(bounds)
	if err != nil {
		return damaged("%v", err)
	}
	defer a.Close()
	b, err := replayed.snapshot.NewIter(bounds)
	if err != nil {
		return err
	}
	defer b.Close()
	moreA, moreB := a.First(), b.First()
	for ; moreA && moreB; moreA, moreB = a.Next(), b.Next() {
		if !bytes.Equal(a.Key(), b.Key()) || !bytes.Equal(a.Value(), b.Value()) {
			return damaged("row %q does not follow from the blocks", a.Key())
		}
	}
	if err := errors.Join(a.Error(), b.Error()); err != nil {
		return damaged("%v", err)
	}
	switch {
	case moreA:
		return damaged("row %q does not follow from the blocks", a.Key())
	case moreB:
		return damaged("row %q is missing", b.Key())
	}
	return nil
}
