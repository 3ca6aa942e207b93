package index

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// cursor says how far the fold is.
type cursor struct {
	next uint64 // block wanted
	hash []byte // header hash of block next-1; empty at 0
}

// fold is a run of blocks on its way into the database: one batch, committed as a
// whole with its cursor. It belongs to one goroutine.
type fold struct {
	index   *Index
	batch   *pebble.Batch
	cursor  cursor              // behind the last block applied
	records map[string]struct{} // records in the batch, which the database does not show yet
	// organisations are those that joined later, as far as a writer was of one.
	organisations map[string]*organisation
	waiting       map[string][]byte    // verdicts in the batch that wait for a review, with their row
	grown         map[string]*grownDay // days of plots in the batch, by their row
	changed       map[string]uint64    // topics changed, each with the number of the block, plus one
	counts        counts
	refused       []refusal
}

// refusal is what is logged about a transaction not admitted.
type refusal struct {
	block       uint64
	position    int
	transaction string
	reason      *trace.Error
}

func (x *Index) newFold(from cursor) *fold {
	return &fold{
		index: x, batch: x.db.NewBatch(pebble.WithMaxRetainedSizeBytes(4 * x.batchBytes)), cursor: from,
		records: map[string]struct{}{}, waiting: map[string][]byte{}, grown: map[string]*grownDay{}, changed: map[string]uint64{}, organisations: map[string]*organisation{},
	}
}

func (f *fold) close() error { return f.batch.Close() }

// follows checks that a block is the next one of this chain.
func (f *fold) follows(b *decodedBlock) error {
	if b.number != f.cursor.next {
		return trace.Errorf(CodeBlock, "block %d came, want %d", b.number, f.cursor.next)
	}
	if b.number > 0 && !bytes.Equal(b.previous, f.cursor.hash) {
		return trace.Errorf(CodeOtherChain, "block %d follows a block with hash %x, the index holds %x as block %d: it was built from another chain; remove its directory to build it from this one",
			b.number, b.previous, f.cursor.hash, b.number-1)
	}
	return nil
}

// add folds one more block, which follows. After an error the fold must be closed.
func (f *fold) add(b *decodedBlock) error {
	for i := range b.transactions {
		if err := f.transaction(&b.transactions[i]); err != nil {
			return err
		}
	}
	for code, n := range b.codes {
		f.counts.transaction(code, n)
	}
	if err := f.noteMembers(b.members); err != nil {
		return err
	}
	f.counts.blocks++
	f.cursor = cursor{next: b.number + 1, hash: b.hash}
	return f.batch.Set(blockRow(b.number), b.hash, nil)
}

func (f *fold) transaction(t *transaction) error {
	if t.joined && t.refused == nil {
		refused, err := f.admitJoined(t)
		if err != nil {
			return err
		}
		t.refused = refused
	}
	if t.refused == nil && t.original != nil {
		refused, err := f.whileOpen(t)
		if err != nil {
			return err
		}
		t.refused = refused
	}
	if t.refused == nil {
		refused, err := f.rewritten(t)
		if err != nil {
			return err
		}
		t.refused = refused
	}
	for i := range t.writes {
		w := &t.writes[i]
		at := place{block: t.block, position: uint32(t.position), write: uint32(i)}
		reason := t.refused
		if reason == nil {
			reason = w.refused
		}
		if reason != nil {
			if err := f.setAside(t, w, at, reason); err != nil {
				return err
			}
			continue
		}
		if err := f.write(t, w, at); err != nil {
			return err
		}
	}
	return nil
}

// rewritten finds a record of the transaction that is on file already. The
// contracts write records once; nothing on a page may be edited or hidden.
func (f *fold) rewritten(t *transaction) (*trace.Error, error) {
	for i := range t.writes {
		w := &t.writes[i]
		if w.refused != nil || w.kind.nature != natureRecord {
			continue
		}
		known, err := f.onFile(w.key)
		if err != nil {
			return nil, err
		}
		if known {
			return trace.Errorf(ReasonRewritten, "%s is on file, records are written once", w.key), nil
		}
	}
	return nil, nil
}

// onFile tells whether the batch or the database has a record.
func (f *fold) onFile(key string) (bool, error) {
	if _, known := f.records[key]; known {
		return true, nil
	}
	_, closer, err := f.index.db.Get(recordRow(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		err = closer.Close()
	}
	return err == nil, f.index.failure(err)
}

func (f *fold) write(t *transaction, w *write, at place) error {
	var err error
	set := func(key, value []byte) {
		if err == nil {
			err = f.batch.Set(key, value, nil)
		}
	}
	switch {
	case w.deleted:
		err = f.batch.Delete(recordRow(w.key), nil)
	default:
		set(recordRow(w.key), w.row)
	}
	switch w.kind.id {
	case state.KindOrganisation, state.KindOrganisationEnd:
		if noted := f.noteOrganisation(w); noted != nil {
			return noted
		}
	}
	switch w.kind.nature {
	case natureRecord:
		f.records[w.key] = struct{}{}
		set(listRow(scopeAll, w.kind.name, at), []byte(w.key))
		set(listRow(scopeParty(t.writer.party), w.kind.name, at), []byte(w.key))
		if w.links.addressee != "" {
			set(listRow(scopeFor(w.links.addressee), w.kind.name, at), []byte(w.key))
		}
		for _, scope := range w.links.scopes {
			set(listRow(scope, w.kind.name, at), []byte(w.key))
		}
		if err == nil {
			err = f.queue(w, at)
		}
		if err == nil {
			err = f.grow(w)
		}
		for _, lot := range w.links.lots {
			set(listRow(scopeLot(lot), w.kind.name, at), []byte(w.key))
		}
	case natureState:
		set(historyRow(w.key, at), w.row)
	}
	for _, e := range w.links.edges {
		set(edgeRow(e.relation, e.from, at, e.to), nil)
	}
	for _, topic := range w.links.topics {
		f.changed[topic] = t.block + 1
	}
	f.counts.values++
	return err
}

// Rejected is a value that is on the chain but not in the read model.
type Rejected struct {
	Key           trace.Key     `json:"key"`
	TransactionID string        `json:"transactionId"`
	Block         uint64        `json:"block"`
	Position      int           `json:"position"`
	Reason        trace.Code    `json:"reason"`
	Message       string        `json:"message"`
	MSP           string        `json:"msp"`
	Party         trace.PartyID `json:"party"`
	Role          trace.Role    `json:"role"`
	Endorsers     []string      `json:"endorsers"`
	Deleted       bool          `json:"deleted,omitempty"`
	Value         []byte        `json:"value,omitempty"` // as on the chain; JSON shows it in base64
}

func (f *fold) setAside(t *transaction, w *write, at place, reason *trace.Error) error {
	id := fmt.Sprintf("%x", t.transaction)
	row, err := json.Marshal(Rejected{
		Key: trace.Key(w.key), TransactionID: id, Block: t.block, Position: t.position,
		Reason: reason.Code, Message: reason.Message,
		MSP: t.writer.msp, Party: t.writer.party, Role: t.writer.role, Endorsers: t.endorsers,
		Deleted: w.deleted, Value: w.value,
	})
	if err != nil {
		return fmt.Errorf("rejected %s: %w", w.key, err)
	}
	if n := len(f.refused); n == 0 || f.refused[n-1].transaction != id || f.refused[n-1].reason != reason {
		f.refused = append(f.refused, refusal{t.block, t.position, id, reason})
	}
	return f.batch.Set(rejectRow(at), row, nil)
}

// commit writes what was folded since the last one in one atomic batch, and makes it
// known. The batch is not synced: the chain is durable elsewhere, and since the row of
// each block, the last of which is the cursor, goes with what was folded from it, a
// crash can only lose a suffix of whole batches, which Follow folds again.
func (f *fold) commit() error {
	if f.counts.blocks == 0 {
		return nil
	}
	for topic, version := range f.changed {
		if err := f.batch.Set(versionRow(topic), binary.AppendUvarint(nil, version), nil); err != nil {
			return err
		}
	}
	if err := f.batch.Commit(pebble.NoSync); err != nil {
		return f.index.failure(err)
	}
	f.index.folded(f)
	clear(f.records)
	clear(f.waiting)
	clear(f.grown)
	clear(f.changed)
	f.counts, f.refused = counts{}, nil
	f.batch.Reset()
	return nil
}

// Sync makes everything folded so far survive a crash. Folding does not wait for the disk,
// because what is lost comes from the ledger again; who must know something while the
// ledger is away asks for it here.
func (x *Index) Sync() error { return x.db.LogData(nil, pebble.Sync) }
