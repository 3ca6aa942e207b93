package embedded

import (
	"bytes"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// writePrivate stores the private data of a block's transactions as far as it
// was kept at endorsement, and lets go of what has expired or is purged. It
// returns the ids whose transient rows are done with.
func (w *blockWriter) writePrivate(txs []*validation.Checked, kept func(string) (*rwset.TxPvtReadWriteSet, []byte, error)) ([]string, error) {
	p := &privateWriter{blockWriter: w, values: map[privateKey]*validation.Value{}, sets: map[writeSetPlace]*rwset.TxPvtReadWriteSet{}}
	if err := p.expire(); err != nil {
		return nil, err
	}
	var done []string
	for i, tx := range txs {
		if tx.Action == nil || !tx.Action.ReadWriteSet.HasPrivateWrites() {
			continue
		}
		private, row, err := kept(tx.ID())
		if err != nil {
			return nil, err
		}
		if private != nil {
			done = append(done, tx.ID())
			w.delete(row)
		}
		if err := p.transaction(i, tx.Action.ReadWriteSet, private); err != nil {
			return nil, err
		}
	}
	if err := p.followMetadata(); err != nil {
		return nil, err
	}
	return done, p.flush()
}

type privateKey struct{ namespace, collection, key string }

type writeSetPlace struct {
	block uint64
	index int
}

// privateWriter gathers a block's changes to private data before they go into
// the batch.
type privateWriter struct {
	*blockWriter
	values  map[privateKey]*validation.Value // nil Value.Value: deleted
	sets    map[writeSetPlace]*rwset.TxPvtReadWriteSet
	touched []privateKey // keys whose metadata changed
}

func (p *privateWriter) transaction(i int, set *block.ReadWriteSet, private *rwset.TxPvtReadWriteSet) error {
	valid := p.outcome.Codes[i] == peer.TxValidationCode_VALID
	if valid {
		if err := p.hashedEffects(i, set); err != nil {
			return err
		}
	}
	// Private data counts only where its hash is the one in the block.
	genuine := &rwset.TxPvtReadWriteSet{DataModel: rwset.TxReadWriteSet_KV}
	for _, ns := range private.GetNsPvtRwset() {
		kept := &rwset.NsPvtReadWriteSet{Namespace: ns.GetNamespace()}
		for _, c := range ns.GetCollectionPvtRwset() {
			if !bytes.Equal(hashOf(c.GetRwset()), hashInBlock(set, ns.GetNamespace(), c.GetCollectionName())) {
				continue
			}
			kept.CollectionPvtRwset = append(kept.CollectionPvtRwset, c)
			if !valid {
				continue
			}
			if err := p.apply(i, ns.GetNamespace(), c); err != nil {
				return err
			}
		}
		if len(kept.CollectionPvtRwset) > 0 {
			genuine.NsPvtRwset = append(genuine.NsPvtRwset, kept)
		}
	}
	if len(genuine.NsPvtRwset) > 0 {
		p.sets[writeSetPlace{p.number, i}] = genuine
	}
	return nil
}

func hashInBlock(set *block.ReadWriteSet, namespace, collection string) []byte {
	if ns := set.Namespace(namespace); ns != nil {
		for _, c := range ns.Collections {
			if c.Name == collection {
				return c.PrivateHash
			}
		}
	}
	return nil
}

func (p *privateWriter) apply(i int, namespace string, c *rwset.CollectionPvtReadWriteSet) error {
	set := &kvrwset.KVRWSet{}
	if err := proto.Unmarshal(c.GetRwset(), set); err != nil {
		return err
	}
	at := validation.Version{Block: p.number, Transaction: uint64(i)}
	for _, write := range set.GetWrites() {
		k := privateKey{namespace, c.GetCollectionName(), write.GetKey()}
		v := &validation.Value{Version: at}
		if !block.IsDelete(write) {
			v.Value = write.GetValue()
		}
		p.values[k] = v
	}
	for _, write := range set.GetMetadataWrites() {
		p.touched = append(p.touched, privateKey{namespace, c.GetCollectionName(), write.GetKey()})
	}
	return nil
}

// hashedEffects notes, from what everyone can see in the block, who wrote a
// private key and when it expires, and carries out purges.
func (p *privateWriter) hashedEffects(i int, set *block.ReadWriteSet) error {
	for _, ns := range set.Namespaces {
		if len(ns.Collections) == 0 {
			continue
		}
		definition, err := validation.ReadDefinition(p.view, ns.Name)
		if err != nil {
			return err
		}
		for _, c := range ns.Collections {
			var toLive uint64
			if definition != nil {
				toLive = definition.Collection(c.Name).GetBlockToLive()
			}
			for _, write := range c.Hashed.GetHashedWrites() {
				keyHash := string(write.GetKeyHash())
				if write.GetIsPurge() {
					if err := p.purge(ns.Name, c.Name, keyHash); err != nil {
						return err
					}
				}
				p.set(writersKey(ns.Name, c.Name, keyHash, p.number, i), nil)
				if toLive > 0 {
					at := validation.Version{Block: p.number, Transaction: uint64(i)}
					p.set(expiryKey(p.number+toLive+1, ns.Name, c.Name, keyHash), encodeValue(&validation.Value{Version: at}))
				}
			}
		}
	}
	return nil
}

// purge removes a private key from every write set that still holds it.
func (p *privateWriter) purge(namespace, collection, keyHash string) error {
	prefix := collectionKey(kindWriters, namespace, collection, keyHash)
	it, err := p.view.snapshot.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	var places []writeSetPlace
	for ok := it.First(); ok; ok = it.Next() {
		if number, index := historyPlace(it.Key()); len(it.Key()) == len(prefix)+12 {
			places = append(places, writeSetPlace{number, index})
		}
	}
	if err := it.Close(); err != nil {
		return err
	}
	// Earlier transactions of this very block count too.
	for place := range p.sets {
		if place.block == p.number {
			places = append(places, place)
		}
	}
	for _, place := range places {
		err := p.strip(place, namespace, collection, func(write *kvrwset.KVWrite) bool {
			return string(hashOf([]byte(write.GetKey()))) == keyHash
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// strip removes the matching writes from a stored write set.
func (p *privateWriter) strip(at writeSetPlace, namespace, collection string, match func(*kvrwset.KVWrite) bool) error {
	set, ok := p.sets[at]
	if !ok {
		raw, err := p.view.get(writeSetKey(at.block, at.index))
		if err != nil || raw == nil {
			return err
		}
		set = &rwset.TxPvtReadWriteSet{}
		if err := proto.Unmarshal(raw, set); err != nil {
			return err
		}
	}
	for _, ns := range set.GetNsPvtRwset() {
		for _, c := range ns.GetCollectionPvtRwset() {
			if ns.GetNamespace() != namespace || c.GetCollectionName() != collection {
				continue
			}
			kv := &kvrwset.KVRWSet{}
			if err := proto.Unmarshal(c.GetRwset(), kv); err != nil {
				return err
			}
			left := kv.Writes[:0]
			for _, write := range kv.GetWrites() {
				if !match(write) {
					left = append(left, write)
				}
			}
			kv.Writes = left
			var err error
			if c.Rwset, err = proto.Marshal(kv); err != nil {
				return err
			}
		}
	}
	p.sets[at] = set
	return nil
}

// expire lets go of the private keys whose time ends with this block, unless
// they have been written again since.
func (p *privateWriter) expire() error {
	prefix := expiryPrefix(p.number)
	it, err := p.view.snapshot.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		namespace, collection, keyHash, ok := splitCollectionKey(it.Key()[len(prefix):])
		if !ok {
			return errValue
		}
		row, err := decodeValue(it.Value())
		if err != nil {
			return err
		}
		p.delete(append([]byte{}, it.Key()...))
		at := writeSetPlace{row.Version.Block, int(row.Version.Transaction)}
		var key string
		err = p.strip(at, namespace, collection, func(write *kvrwset.KVWrite) bool {
			same := string(hashOf([]byte(write.GetKey()))) == keyHash
			if same {
				key = write.GetKey()
			}
			return same
		})
		if err != nil {
			return err
		}
		if _, rewritten := p.outcome.Updates.Hashed[namespace][collection][keyHash]; rewritten {
			continue
		}
		hashed, err := p.view.Hashed(namespace, collection, []byte(keyHash))
		if err != nil {
			return err
		}
		if hashed == nil || hashed.Version != row.Version {
			continue
		}
		p.delete(collectionKey(kindHashed, namespace, collection, keyHash))
		if key != "" {
			p.delete(collectionKey(kindPrivate, namespace, collection, key))
		}
	}
	return it.Error()
}

// followMetadata gives private values the version of their hash where only the
// key's metadata was written: the two must stay equal to be readable.
func (p *privateWriter) followMetadata() error {
	for _, k := range p.touched {
		hashed := p.outcome.Updates.Hashed[k.namespace][k.collection][string(hashOf([]byte(k.key)))]
		if hashed == nil || hashed.Value == nil {
			continue
		}
		v := p.values[k]
		if v == nil {
			var err error
			if v, err = p.view.private(k.namespace, k.collection, k.key); err != nil {
				return err
			}
		}
		if v == nil || v.Value == nil || v.Version == hashed.Version || !bytes.Equal(hashOf(v.Value), hashed.Value) {
			continue
		}
		p.values[k] = &validation.Value{Value: v.Value, Version: hashed.Version}
	}
	return nil
}

func (p *privateWriter) flush() error {
	for k, v := range p.values {
		p.value(collectionKey(kindPrivate, k.namespace, k.collection, k.key), v)
	}
	for at, set := range p.sets {
		raw, err := proto.Marshal(set)
		if err != nil {
			return err
		}
		p.set(writeSetKey(at.block, at.index), raw)
	}
	return p.err
}

// writeSets returns the private write sets kept for a block, by the index of
// their transaction.
func (v *view) writeSets(number uint64) (map[int]*rwset.TxPvtReadWriteSet, error) {
	it, err := v.snapshot.NewIter(&pebble.IterOptions{
		LowerBound: writeSetKey(number, 0),
		UpperBound: writeSetKey(number+1, 0),
	})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	out := map[int]*rwset.TxPvtReadWriteSet{}
	for ok := it.First(); ok; ok = it.Next() {
		set := &rwset.TxPvtReadWriteSet{}
		if err := proto.Unmarshal(it.Value(), set); err != nil {
			return nil, err
		}
		out[int(binary.BigEndian.Uint32(it.Key()[9:]))] = set
	}
	return out, it.Error()
}
