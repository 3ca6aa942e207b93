package embedded

import (
	"crypto/sha256"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// results returns the public read-write set and the private one, nil when the
// simulation wrote no private data.
func (s *simulation) results() (*rwset.TxReadWriteSet, *rwset.TxPvtReadWriteSet, error) {
	public := &rwset.TxReadWriteSet{DataModel: rwset.TxReadWriteSet_KV}
	private := &rwset.TxPvtReadWriteSet{DataModel: rwset.TxReadWriteSet_KV}
	for _, name := range sortedKeys(s.namespaces) {
		r := s.namespaces[name]
		set := &rwset.NsReadWriteSet{Namespace: name}
		kv, err := r.public()
		if err != nil {
			return nil, nil, err
		}
		if set.Rwset, err = proto.Marshal(kv); err != nil {
			return nil, nil, err
		}
		privateSet := &rwset.NsPvtReadWriteSet{Namespace: name}
		for _, coll := range sortedKeys(r.collections) {
			hashed, secret, err := r.collections[coll].results(coll)
			if err != nil {
				return nil, nil, err
			}
			set.CollectionHashedRwset = append(set.CollectionHashedRwset, hashed)
			if secret != nil {
				privateSet.CollectionPvtRwset = append(privateSet.CollectionPvtRwset, secret)
			}
		}
		if len(privateSet.CollectionPvtRwset) > 0 {
			private.NsPvtRwset = append(private.NsPvtRwset, privateSet)
		}
		public.NsRwset = append(public.NsRwset, set)
	}
	if len(private.NsPvtRwset) == 0 {
		private = nil
	}
	return public, private, nil
}

func (r *recorder) public() (*kvrwset.KVRWSet, error) {
	set := &kvrwset.KVRWSet{
		Reads:          inOrder(r.reads),
		Writes:         inOrder(r.writes),
		MetadataWrites: inOrder(r.metadataWrites),
	}
	type asked struct {
		start, end string
		exhausted  bool
	}
	seen := map[asked]bool{}
	for _, q := range r.ranges {
		reads, summary, err := q.summary.Result()
		if err != nil {
			return nil, err
		}
		if seen[asked{q.start, q.end, q.exhausted}] {
			continue
		}
		seen[asked{q.start, q.end, q.exhausted}] = true
		info := &kvrwset.RangeQueryInfo{StartKey: q.start, EndKey: q.end, ItrExhausted: q.exhausted}
		if reads != nil {
			info.ReadsInfo = &kvrwset.RangeQueryInfo_RawReads{RawReads: &kvrwset.QueryReads{KvReads: reads}}
		}
		if summary != nil {
			info.ReadsInfo = &kvrwset.RangeQueryInfo_ReadsMerkleHashes{ReadsMerkleHashes: summary}
		}
		set.RangeQueriesInfo = append(set.RangeQueriesInfo, info)
	}
	return set, nil
}

func (c *collectionRecorder) results(name string) (*rwset.CollectionHashedReadWriteSet, *rwset.CollectionPvtReadWriteSet, error) {
	hashed, err := proto.Marshal(&kvrwset.HashedRWSet{
		HashedReads:    inOrder(c.reads),
		HashedWrites:   inOrder(c.writes),
		MetadataWrites: inOrder(c.metadataWrites),
	})
	if err != nil {
		return nil, nil, err
	}
	out := &rwset.CollectionHashedReadWriteSet{CollectionName: name, HashedRwset: hashed}
	if len(c.private) == 0 && len(c.touched) == 0 {
		return out, nil, nil
	}
	secret, err := proto.Marshal(&kvrwset.KVRWSet{
		Writes:         inOrder(c.private),
		MetadataWrites: inOrder(c.touched),
	})
	if err != nil {
		return nil, nil, err
	}
	out.PvtRwsetHash = hashOf(secret)
	return out, &rwset.CollectionPvtReadWriteSet{CollectionName: name, Rwset: secret}, nil
}

func newWrite(key string, value []byte) *kvrwset.KVWrite {
	w := &kvrwset.KVWrite{Key: key, Value: clone(value)}
	w.IsDelete = block.IsDelete(w)
	return w
}

// clone keeps the chaincode from changing a value after it has been written.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

func inOrder[V any](m map[string]V) []V {
	if len(m) == 0 {
		return nil
	}
	out := make([]V, 0, len(m))
	for _, k := range sortedKeys(m) {
		out = append(out, m[k])
	}
	return out
}

func hashOf(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func versionOf(v *validation.Value) *kvrwset.Version {
	if v == nil {
		return nil
	}
	return &kvrwset.Version{BlockNum: v.Version.Block, TxNum: v.Version.Transaction}
}

func sameVersion(a, b *validation.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Version == b.Version
}

func describe(v *validation.Value) string {
	if v == nil {
		return "<nil>"
	}
	return fmt.Sprintf("{BlockNum: %d, TxNum: %d}", v.Version.Block, v.Version.Transaction)
}
