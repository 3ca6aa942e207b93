package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// commit writes a validated block and everything that follows from it, in one
// batch and one sync, and then makes it visible. before is the state that the
// block was validated against.
func (s *store) commit(b *common.Block, txs []*validation.Checked, out *validation.Outcome, before *blockState) error {
	w, err := s.prepare(b, txs, out, before)
	if err != nil {
		return fmt.Errorf("block %d: %w", b.GetHeader().GetNumber(), err)
	}
	defer w.batch.Close()
	if err := s.db.fault(); err != nil {
		return err
	}
	if err := w.batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("block %d: %w", w.number, err)
	}
	s.dropTransient(w.kept, w.number)
	parsed := make([]*block.Transaction, len(txs))
	for i, tx := range txs {
		parsed[i] = tx.Transaction
	}
	s.publish(b, filterTransactions(parsed, out.Codes), w.places)
	return nil
}

// prepare fills a batch with a block; the caller commits and closes it.
func (s *store) prepare(b *common.Block, txs []*validation.Checked, out *validation.Outcome, before *blockState) (*blockWriter, error) {
	number := b.GetHeader().GetNumber()
	w := &blockWriter{batch: s.db.NewBatch(), view: before, number: number, outcome: out, places: map[string]*place{}}
	err := w.write(b, txs)
	if err == nil {
		w.kept, err = w.writePrivate(txs, s.takeTransient)
	}
	for _, row := range s.staleTransient(number) {
		w.delete(row)
	}
	w.set(heightKey(), binary.BigEndian.AppendUint64(nil, number+1))
	if err == nil {
		err = w.err
	}
	if err != nil {
		return nil, errors.Join(err, w.batch.Close())
	}
	return w, nil
}

// blockWriter fills a batch with one block and keeps the first error.
type blockWriter struct {
	batch   *pebble.Batch
	view    *blockState
	number  uint64
	outcome *validation.Outcome
	places  map[string]*place
	kept    []string // transactions whose transient private data is done with
	err     error
}

func (w *blockWriter) do(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *blockWriter) set(key, value []byte) { w.do(w.batch.Set(key, value, nil)) }
func (w *blockWriter) delete(key []byte)     { w.do(w.batch.Delete(key, nil)) }

func (w *blockWriter) write(b *common.Block, txs []*validation.Checked) error {
	raw, err := proto.Marshal(&common.Block{Header: b.GetHeader(), Metadata: b.GetMetadata()})
	if err != nil {
		return err
	}
	w.set(blockKey(w.number), raw)
	for i, envelope := range b.GetData().GetData() {
		w.set(envelopeKey(w.number, i), envelope)
	}
	for i, tx := range txs {
		if err := w.index(i, tx); err != nil {
			return err
		}
		if w.outcome.Codes[i] == peer.TxValidationCode_VALID && tx.Action != nil {
			w.history(i, tx.Action.ReadWriteSet)
		}
	}
	for ns, keys := range w.outcome.Updates.Public {
		for key, value := range keys {
			w.value(stateKey(ns, key), value)
		}
	}
	for ns, collections := range w.outcome.Updates.Hashed {
		for collection, keys := range collections {
			for keyHash, value := range keys {
				w.value(collectionKey(kindHashed, ns, collection, keyHash), value)
			}
		}
	}
	return w.err
}

func (w *blockWriter) value(key []byte, v *validation.Value) {
	if v.Value == nil {
		w.delete(key)
	} else {
		w.set(key, encodeValue(v))
	}
}

// index notes where a transaction id stands, unless it already stood somewhere:
// the first outcome of an id is its outcome.
func (w *blockWriter) index(i int, tx *validation.Checked) error {
	id := tx.ID()
	if id == "" || w.places[id] != nil {
		return nil
	}
	known, err := w.view.place(id)
	if err != nil || known != nil {
		return err
	}
	p := &place{block: w.number, index: i, code: w.outcome.Codes[i]}
	w.places[id] = p
	w.set(idKey(id), p.encode())
	return nil
}

func (w *blockWriter) history(i int, set *block.ReadWriteSet) {
	for _, ns := range set.Namespaces {
		for _, write := range ns.Public.GetWrites() {
			w.set(historyKey(ns.Name, write.GetKey(), w.number, i), nil)
		}
	}
}
