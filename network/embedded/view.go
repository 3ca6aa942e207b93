package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"traceledger/network/validation"
)

// view is the committed state behind one block, unaffected by later ones. It
// implements validation.State. Views are counted: whoever gets one from
// store.view releases it.
type view struct {
	snapshot *pebble.Snapshot
	// height is the number of blocks that the view includes.
	height uint64
	refs   atomic.Int64
	// lifecycle remembers rows of chaincode definitions, which every
	// transaction reads and hardly any changes.
	lifecycle sync.Map // key -> *validation.Value
}

func (v *view) release() {
	if v.refs.Add(-1) == 0 {
		// Closing a snapshot only unlinks it; it has nothing to report.
		_ = v.snapshot.Close()
	}
}

// get returns a copy of a row, nil when there is none. It goes by an iterator
// because Pebble's own Get does not ask the filters of the lowest level, where
// most rows are, and most rows asked for are not there: a new transaction's id,
// a new key. That is nine times as fast.
func (v *view) get(key []byte) ([]byte, error) {
	it, err := v.snapshot.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return nil, err
	}
	var out []byte
	if it.SeekPrefixGE(key) && bytes.Equal(it.Key(), key) {
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, errors.Join(err, it.Close())
		}
		out = append([]byte{}, value...)
	}
	return out, it.Close()
}

func (v *view) Public(namespace, key string) (*validation.Value, error) {
	if namespace != validation.LifecycleNamespace {
		return v.value(stateKey(namespace, key))
	}
	if known, ok := v.lifecycle.Load(key); ok {
		return known.(*validation.Value), nil
	}
	value, err := v.value(stateKey(namespace, key))
	if err == nil {
		v.lifecycle.Store(key, value)
	}
	return value, err
}

// sequence returns the version of a chaincode's definition, nil when it has
// none.
func (v *view) sequence(chaincode string) (*validation.Version, error) {
	value, err := v.Public(validation.LifecycleNamespace, validation.SequenceKey(chaincode))
	if err != nil || value == nil {
		return nil, err
	}
	return &value.Version, nil
}

func (v *view) Hashed(namespace, collection string, keyHash []byte) (*validation.Value, error) {
	return v.value(collectionKey(kindHashed, namespace, collection, string(keyHash)))
}

// private returns the private value itself. Its metadata lives with the hash.
func (v *view) private(namespace, collection, key string) (*validation.Value, error) {
	return v.value(collectionKey(kindPrivate, namespace, collection, key))
}

func (v *view) value(key []byte) (*validation.Value, error) {
	raw, err := v.get(key)
	if err != nil || raw == nil {
		return nil, err
	}
	return decodeValue(raw)
}

func (v *view) Range(namespace, start, end string, visit func(string, validation.Version) bool) error {
	it, err := v.scan(namespace, start, end)
	if err != nil {
		return err
	}
	defer it.close()
	for {
		kv, err := it.next()
		if err != nil || kv == nil {
			return err
		}
		if !visit(kv.key, kv.value.Version) {
			return nil
		}
	}
}

func (v *view) Committed(transactionID string) (bool, error) {
	place, err := v.place(transactionID)
	return place != nil, err
}

// place says where a transaction id first stands, and with which code.
type place struct {
	block uint64
	index int
	code  peer.TxValidationCode
}

func (v *view) place(transactionID string) (*place, error) {
	raw, err := v.get(idKey(transactionID))
	if err != nil || raw == nil {
		return nil, err
	}
	if len(raw) != 13 {
		return nil, fmt.Errorf("index row of transaction %s has %d bytes, must have 13", transactionID, len(raw))
	}
	return &place{
		block: binary.BigEndian.Uint64(raw),
		index: int(binary.BigEndian.Uint32(raw[8:])),
		code:  peer.TxValidationCode(raw[12]),
	}, nil
}

func (p *place) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, p.block)
	b = binary.BigEndian.AppendUint32(b, uint32(p.index))
	return append(b, byte(p.code))
}

// block returns a committed block, nil when the view does not reach it.
func (v *view) block(number uint64) (*common.Block, error) {
	if number >= v.height {
		return nil, nil
	}
	raw, err := v.get(blockKey(number))
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, fmt.Errorf("block %d is missing below height %d", number, v.height)
	}
	b := &common.Block{}
	if err := proto.Unmarshal(raw, b); err != nil {
		return nil, fmt.Errorf("block %d: %w", number, err)
	}
	b.Data = &common.BlockData{}
	it, err := v.snapshot.NewIter(&pebble.IterOptions{
		LowerBound: envelopeKey(number, 0),
		UpperBound: envelopeKey(number+1, 0),
	})
	if err != nil {
		return nil, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		b.Data.Data = append(b.Data.Data, append([]byte{}, it.Value()...))
	}
	return b, it.Close()
}

// envelope returns one envelope of a committed block.
func (v *view) envelope(number uint64, index int) ([]byte, error) {
	raw, err := v.get(envelopeKey(number, index))
	if err == nil && raw == nil {
		err = fmt.Errorf("transaction %d of block %d is missing", index, number)
	}
	return raw, err
}

// entry is one row of a range of state.
type entry struct {
	key   string
	value *validation.Value
}

// scanner walks a range of public or private state in key order.
type scanner struct {
	it     *pebble.Iterator
	prefix int
	moved  bool
	closed bool
}

// scan walks the public keys in [start, end); an empty end is the namespace's.
func (v *view) scan(namespace, start, end string) (*scanner, error) {
	upper := namespaceEnd(namespace)
	if end != "" {
		upper = stateKey(namespace, end)
	}
	return v.rows(stateKey(namespace, start), upper, len(namespace)+2)
}

// scanPrivate walks the keys of a private collection likewise.
func (v *view) scanPrivate(namespace, collection, start, end string) (*scanner, error) {
	upper := collectionEnd(kindPrivate, namespace, collection)
	if end != "" {
		upper = collectionKey(kindPrivate, namespace, collection, end)
	}
	return v.rows(collectionKey(kindPrivate, namespace, collection, start), upper, len(namespace)+len(collection)+3)
}

func (v *view) rows(lower, upper []byte, prefix int) (*scanner, error) {
	it, err := v.snapshot.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	return &scanner{it: it, prefix: prefix}, nil
}

// next returns the next row, nil at the end.
func (s *scanner) next() (*entry, error) {
	if s.closed {
		return nil, errors.New("iterator is closed")
	}
	ok := false
	if s.moved {
		ok = s.it.Next()
	} else {
		ok, s.moved = s.it.First(), true
	}
	if !ok {
		return nil, s.it.Error()
	}
	value, err := decodeValue(append([]byte{}, s.it.Value()...))
	if err != nil {
		return nil, err
	}
	return &entry{key: string(s.it.Key()[s.prefix:]), value: value}, nil
}

func (s *scanner) close() {
	if !s.closed {
		s.closed = true
		_ = s.it.Close() // errors of a read-only iterator were returned by next
	}
}

// encodeValue lays a value out as version, length of metadata, metadata, value.
func encodeValue(v *validation.Value) []byte {
	b := make([]byte, 0, 3*binary.MaxVarintLen32+len(v.Metadata)+len(v.Value))
	b = binary.AppendUvarint(b, v.Version.Block)
	b = binary.AppendUvarint(b, v.Version.Transaction)
	b = binary.AppendUvarint(b, uint64(len(v.Metadata)))
	b = append(b, v.Metadata...)
	return append(b, v.Value...)
}

var errValue = errors.New("state row is damaged")

// decodeValue undoes encodeValue; the result shares the row's memory.
func decodeValue(raw []byte) (*validation.Value, error) {
	v := &validation.Value{}
	var metadata uint64
	for _, into := range []*uint64{&v.Version.Block, &v.Version.Transaction, &metadata} {
		n, size := binary.Uvarint(raw)
		if size <= 0 {
			return nil, errValue
		}
		*into, raw = n, raw[size:]
	}
	if metadata > uint64(len(raw)) {
		return nil, errValue
	}
	if metadata > 0 {
		v.Metadata = raw[:metadata:metadata]
	}
	v.Value = raw[metadata:]
	return v, nil
}
