package validation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// query runs a range query over a state, reading at most limit results, and
// records it as an endorser does.
func query(t require.TestingT, s *memState, start, end string, limit int) *kvrwset.RangeQueryInfo {
	q := &kvrwset.RangeQueryInfo{StartKey: start, ItrExhausted: true, EndKey: end}
	summary := NewRangeSummary(RangeDegree)
	n := 0
	require.NoError(t, s.Range("cc", start, end, func(key string, v Version) bool {
		if n == limit {
			q.ItrExhausted = false
			return false
		}
		n++
		q.EndKey = key
		require.NoError(t, summary.Add(key, v))
		return true
	}))
	if q.ItrExhausted {
		q.EndKey = end
	}
	reads, hashes, err := summary.Result()
	require.NoError(t, err)
	switch {
	case reads != nil:
		q.ReadsInfo = &kvrwset.RangeQueryInfo_RawReads{RawReads: &kvrwset.QueryReads{KvReads: reads}}
	case hashes != nil:
		q.ReadsInfo = &kvrwset.RangeQueryInfo_ReadsMerkleHashes{ReadsMerkleHashes: hashes}
	}
	return q
}

// TestRangeReadsSameProperty compares the check at commit with running the same
// query again over the changed state.
func TestRangeReadsSameProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("k%03d", rapid.IntRange(0, 130).Draw(t, "key"))
		})
		s := newMemState()
		for _, k := range rapid.SliceOfN(key, 0, 130).Draw(t, "keys") {
			put(s.public, "cc", k, &Value{Value: []byte("1"), Version: Version{1, 0}})
		}
		start, end := key.Draw(t, "start"), key.Draw(t, "end")
		if rapid.Bool().Draw(t, "open") {
			end = ""
		}
		limit := rapid.SampledFrom([]int{1, 3, 101, 1000}).Draw(t, "limit")
		q := query(t, s, start, end, limit)

		u := newUpdates()
		for i, k := range rapid.SliceOfN(key, 0, 4).Draw(t, "changes") {
			v := &Value{Version: Version{2, uint64(i)}}
			if rapid.Bool().Draw(t, "put") {
				v.Value = []byte("2")
			}
			u.setPublic("cc", k, v)
		}
		got, err := u.rangeReadsSame("cc", q, s)
		require.NoError(t, err)
		s.apply(u)
		// The query recorded which keys it saw, so the same keys must be there
		// again up to the last of them, or to the end if it ran out.
		again := query(t, s, start, end, 1<<30)
		if !q.ItrExhausted {
			again = query(t, s, start, q.EndKey+"\x00", 1<<30)
		}
		want := sameReads(q, again)
		require.Equal(t, want, got)
	})
}

func sameReads(a, b *kvrwset.RangeQueryInfo) bool {
	return proto.Equal(&kvrwset.RangeQueryInfo{ReadsInfo: a.ReadsInfo}, &kvrwset.RangeQueryInfo{ReadsInfo: b.ReadsInfo})
}

func TestPhantomsInABlock(t *testing.T) {
	l := newLedger(t)
	l.commit(valid, call(writes("k1", "1", "k3", "1", "k5", "1")))
	scan := func(start, end string, limit int) *transaction {
		return call(&kvrwset.KVRWSet{RangeQueriesInfo: []*kvrwset.RangeQueryInfo{query(t, l.state, start, end, limit)}})
	}
	l.commit(valid, scan("k1", "k9", 100), scan("k2", "", 100), scan("", "", 100), scan("x", "y", 100))
	for name, change := range map[string]*kvrwset.KVRWSet{
		"inserted": writes("k2", "1"), "deleted": writes("k3", ""), "changed": writes("k3", "2"), "at the start": writes("k1", "2"),
	} {
		t.Run(name, func(t *testing.T) {
			stale := scan("k1", "k9", 100)
			l.commitCodes(codes(valid, phantom, valid), call(change), stale, scan("k6", "k9", 100))
			l.commit(phantom, stale)
			l.commit(valid, call(writes("k1", "1", "k2", "", "k3", "1", "k5", "1")))
		})
	}
	// A query that stopped early does not care for what came behind.
	early := scan("k1", "k9", 1)
	l.commit(valid, call(writes("k2", "1")))
	l.commit(valid, early)
	early = scan("k1", "k9", 2)
	l.commit(valid, call(writes("k2", "2")))
	l.commit(phantom, early)
}

func TestPhantomsInALargeRange(t *testing.T) {
	l := newLedger(t)
	for _, n := range []int{RangeDegree, RangeDegree + 1, 3000} {
		set := &kvrwset.KVRWSet{}
		for i := range n {
			set.Writes = append(set.Writes, &kvrwset.KVWrite{Key: fmt.Sprintf("%d/%05d", n, i), Value: []byte("1")})
		}
		l.commit(valid, call(set))
		scan := func() *transaction {
			q := query(t, l.state, fmt.Sprint(n, "/"), fmt.Sprint(n, "0"), 1<<30)
			require.Equal(t, n > RangeDegree, q.GetReadsMerkleHashes() != nil)
			return call(&kvrwset.KVRWSet{RangeQueriesInfo: []*kvrwset.RangeQueryInfo{q}})
		}
		l.commit(valid, scan())
		stale := scan()
		l.commitCodes(codes(valid, phantom), call(writes(fmt.Sprintf("%d/%05d", n, n-1), "2")), stale)
		stale = scan()
		l.commit(valid, call(writes(fmt.Sprintf("%d/%05d", n, n), "1")))
		l.commit(phantom, stale)
	}
	// A summary that no endorser could have made.
	broken := query(t, l.state, "3000/", "30000", 1<<30)
	broken.GetReadsMerkleHashes().MaxDegree = 1
	l.commit(phantom, call(&kvrwset.KVRWSet{RangeQueriesInfo: []*kvrwset.RangeQueryInfo{broken}}))
}

// TestRangeSummaryLevels checks the tree's shape: 51 leaves to a hash, 51 hashes
// to one above.
func TestRangeSummaryLevels(t *testing.T) {
	shape := func(n int) (level uint32, hashes int) {
		s := NewRangeSummary(RangeDegree)
		for i := range n {
			require.NoError(t, s.Add(fmt.Sprintf("%06d", i), Version{1, 0}))
		}
		_, summary, err := s.Result()
		require.NoError(t, err)
		return summary.GetMaxLevel(), len(summary.GetMaxLevelHashes())
	}
	for n, want := range map[int][2]int{
		50: {0, 0}, 51: {1, 1}, 52: {1, 2}, 51 * 50: {1, 50}, 51 * 51: {2, 1}, 51*51 + 1: {2, 2}, 51 * 51 * 50: {2, 50},
	} {
		level, hashes := shape(n)
		require.Equal(t, want, [2]int{int(level), hashes}, n)
	}
	// One level, small enough to compute by hand.
	s := NewRangeSummary(2)
	var reads []*kvrwset.KVRead
	for i := range 3 {
		key := fmt.Sprint("k", i)
		reads = append(reads, &kvrwset.KVRead{Key: key, Version: &kvrwset.Version{BlockNum: 1, TxNum: uint64(i)}})
		require.NoError(t, s.Add(key, Version{1, uint64(i)}))
	}
	raw, err := proto.Marshal(&kvrwset.QueryReads{KvReads: reads})
	require.NoError(t, err)
	want := sha256.Sum256(raw)
	_, summary, err := s.Result()
	require.NoError(t, err)
	require.Equal(t, [][]byte{want[:]}, summary.GetMaxLevelHashes())
}

func TestCommitHashLayout(t *testing.T) {
	u := newUpdates()
	u.setPublic("b", "k2", &Value{Version: Version{300, 0}})
	u.setPublic("b", "k1", &Value{Value: []byte("v"), Version: Version{300, 2}})
	u.setPublic("a", "k", &Value{Value: []byte("v"), Version: Version{300, 1}})
	u.setHashed("b", "c", "h", &Value{Value: []byte("w"), Version: Version{300, 2}})
	// Field 1 is a write: namespace 1, collection 2, key 3, deleted 4, value 5,
	// version 6 as length and bytes of block and index.
	want := "0a10" + "0a0161" + "1a016b" + "2a0176" + "320502012c0101" +
		"0a11" + "0a0162" + "1a026b31" + "2a0176" + "320502012c0102" +
		"0a0c" + "1a026b32" + "2001" + "320402012c00" +
		"0a10" + "120163" + "1a0168" + "2a0177" + "320502012c0102"
	require.Equal(t, want, hex.EncodeToString(u.appendTo(nil)))
	sum := sha256.Sum256(append(append([]byte{2, 0, 11}, u.appendTo(nil)...), "previous"...))
	require.Equal(t, sum[:], CommitHash([]byte("previous"), []byte{0, 11}, u))
}
