package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/network/conformance/chaincode"
)

// testConflict covers what happens to transactions that were endorsed on a
// state that has changed when they commit: version checks of single keys and
// phantom checks of ranges, in block order.
func testConflict(t *testing.T, s *suite) {
	m := s.members[producer]
	for _, c := range conflicts() {
		t.Run(c.name, func(t *testing.T) {
			p := s.prefix()
			if c.before != nil {
				s.submit(t, m, c.before(p))
			}
			late := m.endorse(t, c.late(p))
			s.submit(t, m, c.meanwhile(p))
			requireCode(t, c.want, s.commit(t, m, late))
		})
	}
	t.Run("WithinOneBlock", func(t *testing.T) {
		for _, c := range conflicts() {
			t.Run(c.name, func(t *testing.T) { testConflictInBlock(t, s, c) })
		}
	})
	t.Run("ManyOfOneKey", func(t *testing.T) { testOneBlock(t, s) })
}

// conflict is a transaction that is endorsed on a state which another one changes
// before it commits.
type conflict struct {
	name      string
	before    func(p string) []chaincode.Step // committed first; nil for nothing
	late      func(p string) []chaincode.Step // endorsed before, committed after meanwhile
	meanwhile func(p string) []chaincode.Step
	want      peer.TxValidationCode
	inBlock   peer.TxValidationCode // want, where meanwhile comes before it in its own block and that differs
}

func conflicts() []conflict {
	return []conflict{
		{
			name:      "ReadKeyChanged",
			before:    func(p string) []chaincode.Step { return steps(put(p+"a", "1")) },
			late:      func(p string) []chaincode.Step { return steps(get(p+"a"), put(p+"b", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"a", "2")) },
			want:      peer.TxValidationCode_MVCC_READ_CONFLICT,
		},
		{
			name:      "ReadKeyWrittenWithTheSameValue",
			before:    func(p string) []chaincode.Step { return steps(put(p+"a", "1")) },
			late:      func(p string) []chaincode.Step { return steps(get(p+"a"), put(p+"b", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"a", "1")) },
			want:      peer.TxValidationCode_MVCC_READ_CONFLICT,
		},
		{
			name:      "ReadOnlyTransactionConflictsToo",
			before:    func(p string) []chaincode.Step { return steps(put(p+"a", "1")) },
			late:      func(p string) []chaincode.Step { return steps(get(p + "a")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"a", "2")) },
			want:      peer.TxValidationCode_MVCC_READ_CONFLICT,
		},
		{
			name:      "AbsentKeyCreated",
			late:      func(p string) []chaincode.Step { return steps(get(p+"a"), put(p+"a", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"a", "2")) },
			want:      peer.TxValidationCode_MVCC_READ_CONFLICT,
		},
		{
			name:      "ReadKeyDeleted",
			before:    func(p string) []chaincode.Step { return steps(put(p+"a", "1")) },
			late:      func(p string) []chaincode.Step { return steps(get(p+"a"), put(p+"b", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(chaincode.Step{Op: "delete", Key: p + "a"}) },
			want:      peer.TxValidationCode_MVCC_READ_CONFLICT,
		},
		{
			name:      "AbsentKeyDeleted",
			late:      func(p string) []chaincode.Step { return steps(get(p+"a"), put(p+"b", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(chaincode.Step{Op: "delete", Key: p + "a"}) },
			want:      peer.TxValidationCode_VALID,
			inBlock:   peer.TxValidationCode_MVCC_READ_CONFLICT, // a deletion of nothing has no version to compare
		},
		{
			name:   "OneOfManyReadTogether",
			before: func(p string) []chaincode.Step { return steps(put(p+"a", "1"), put(p+"b", "1")) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "getAll", Keys: []string{p + "a", p + "b"}})
			},
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"b", "2")) },
			want:      peer.TxValidationCode_MVCC_READ_CONFLICT,
		},
		{
			name:      "BlindWritesDoNotConflict",
			before:    func(p string) []chaincode.Step { return steps(put(p+"a", "1")) },
			late:      func(p string) []chaincode.Step { return steps(put(p+"a", "3")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"a", "2")) },
			want:      peer.TxValidationCode_VALID,
		},
		{
			name:      "OtherKeyChanged",
			before:    func(p string) []chaincode.Step { return steps(put(p+"a", "1")) },
			late:      func(p string) []chaincode.Step { return steps(get(p+"a"), put(p+"b", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"b", "2")) },
			want:      peer.TxValidationCode_VALID,
		},
		{
			name:   "HistoryIsNotChecked",
			before: func(p string) []chaincode.Step { return steps(put(p+"a", "1")) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "history", Key: p + "a"}, put(p+"b", "1"))
			},
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"a", "2")) },
			want:      peer.TxValidationCode_VALID,
		},
		{
			name:      "PhantomInserted",
			before:    func(p string) []chaincode.Step { return steps(put(p+"b", "1"), put(p+"d", "1")) },
			late:      func(p string) []chaincode.Step { return steps(scan(p+"a", p+"e"), put(p+"x", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"c", "2")) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			name:      "PhantomInAnEmptyRange",
			late:      func(p string) []chaincode.Step { return steps(scan(p+"a", p+"e"), put(p+"x", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"c", "2")) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			name:      "RowOfRangeChanged",
			before:    func(p string) []chaincode.Step { return steps(put(p+"b", "1"), put(p+"d", "1")) },
			late:      func(p string) []chaincode.Step { return steps(scan(p+"a", p+"e"), put(p+"x", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"d", "1")) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			name:      "RowOfRangeDeleted",
			before:    func(p string) []chaincode.Step { return steps(put(p+"b", "1"), put(p+"d", "1")) },
			late:      func(p string) []chaincode.Step { return steps(scan(p+"a", p+"e"), put(p+"x", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(chaincode.Step{Op: "delete", Key: p + "b"}) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			name:      "FirstKeyOfRangeIsInside",
			late:      func(p string) []chaincode.Step { return steps(scan(p+"a", p+"e"), put(p+"x", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"a", "2")) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			name:      "EndKeyOfRangeIsOutside",
			before:    func(p string) []chaincode.Step { return steps(put(p+"b", "1")) },
			late:      func(p string) []chaincode.Step { return steps(scan(p+"a", p+"e"), put(p+"x", "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"e", "2")) },
			want:      peer.TxValidationCode_VALID,
		},
		{
			name:   "PhantomUnderACompositeKey",
			before: func(p string) []chaincode.Step { return steps(composite(p, "x", "1")) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "composite", Key: p + "lot", Keys: []string{"x"}}, put(p+"y", "1"))
			},
			meanwhile: func(p string) []chaincode.Step { return steps(composite(p, "x", "2")) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			name:   "OtherCompositeKey",
			before: func(p string) []chaincode.Step { return steps(composite(p, "x", "1")) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "composite", Key: p + "lot", Keys: []string{"x"}}, put(p+"y", "1"))
			},
			meanwhile: func(p string) []chaincode.Step { return steps(composite(p, "xx", "2")) },
			want:      peer.TxValidationCode_VALID,
		},
		{
			name:      "PhantomAmongManyRows", // the read set holds hashes of the rows then
			before:    func(p string) []chaincode.Step { return manyRows(p, 300) },
			late:      func(p string) []chaincode.Step { return steps(scan(p, p+"~"), put("x"+p, "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"0150x", "2")) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			name:      "ManyRowsUnchanged",
			before:    func(p string) []chaincode.Step { return manyRows(p, 300) },
			late:      func(p string) []chaincode.Step { return steps(scan(p, p+"~"), put("x"+p, "1")) },
			meanwhile: func(p string) []chaincode.Step { return steps(put("y"+p, "2")) },
			want:      peer.TxValidationCode_VALID,
		},
		{
			name:   "PhantomBehindWhatWasRead", // an iterator closed early
			before: func(p string) []chaincode.Step { return manyRows(p, 300) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "range", Key: p, End: p + "~", Size: 10}, put("x"+p, "1"))
			},
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"0299x", "2")) },
			want:      peer.TxValidationCode_VALID,
		},
		{
			name:   "PhantomInWhatWasReadOfALongerRange",
			before: func(p string) []chaincode.Step { return manyRows(p, 300) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "range", Key: p, End: p + "~", Size: 10}, put("x"+p, "1"))
			},
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"0005x", "2")) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			name:   "PageIsCheckedLikeARange",
			before: func(p string) []chaincode.Step { return steps(put(p+"b", "1"), put(p+"d", "1")) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "rangePage", Key: p, End: p + "~", Size: 10})
			},
			meanwhile: func(p string) []chaincode.Step { return steps(put(p+"c", "1")) },
			want:      peer.TxValidationCode_PHANTOM_READ_CONFLICT,
		},
		{
			// A transaction that reads private data can only be endorsed by
			// those who hold it, hence the collection with its own policy.
			name:   "PrivateKeyChanged",
			before: func(p string) []chaincode.Step { return steps(private("ruled", p+"a", "1")) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "privateGet", Collection: "ruled", Key: p + "a"}, private("ruled", p+"b", "1"))
			},
			meanwhile: func(p string) []chaincode.Step { return steps(private("ruled", p+"a", "2")) },
			want:      peer.TxValidationCode_MVCC_READ_CONFLICT,
		},
		{
			name:   "PrivateHashChanged",
			before: func(p string) []chaincode.Step { return steps(private("open", p+"a", "1")) },
			late: func(p string) []chaincode.Step {
				return steps(chaincode.Step{Op: "privateHash", Collection: "open", Key: p + "a"}, put(p+"b", "1"))
			},
			meanwhile: func(p string) []chaincode.Step { return steps(private("open", p+"a", "2")) },
			want:      peer.TxValidationCode_MVCC_READ_CONFLICT,
		},
	}
}

// testConflictInBlock commits both in one block: what is checked against the state then
// has to be checked against what came before in the block. Others keep them company,
// since an engine under no load may give each a block of its own. Meanwhile is ordered
// before the others are sent: of goroutines that begin at once the last may well run
// first, every time.
func testConflictInBlock(t *testing.T, s *suite, c conflict) {
	m := s.members[producer]
	for attempt := 0; ; attempt++ {
		require.Less(t, attempt, 100, "the two never met in one block")
		p := s.prefix()
		if c.before != nil {
			s.submit(t, m, c.before(p))
		}
		late, meanwhile := m.endorse(t, c.late(p)), m.endorse(t, c.meanwhile(p))
		behind := []*client.Transaction{late}
		for range 3 {
			behind = append(behind, m.endorse(t, steps(put(s.prefix()+"company", "1"))))
		}
		m.send(t, meanwhile)
		sendAtOnce(t, behind)
		changed, done := s.outcome(t, meanwhile), s.outcome(t, late)
		requireCode(t, peer.TxValidationCode_VALID, changed)
		order := s.order(t, changed.block)
		switch {
		case done.block < changed.block, done.block == changed.block && slices.Index(order, done.id) < slices.Index(order, changed.id):
			requireCode(t, peer.TxValidationCode_VALID, done)
		case done.block > changed.block:
			requireCode(t, c.want, done)
		default:
			want := c.want
			if c.inBlock != 0 {
				want = c.inBlock
			}
			requireCode(t, want, done)
			return
		}
	}
}

// testOneBlock commits transactions that were endorsed on the same state, most
// likely in one block: the first of them wins, wherever they end up.
func testOneBlock(t *testing.T, s *suite) {
	m := s.members[producer]
	key := s.prefix() + "count"
	var transactions []*client.Transaction
	for range 8 {
		transactions = append(transactions, m.endorse(t, steps(chaincode.Step{Op: "increment", Key: key})))
	}
	for _, transaction := range transactions {
		m.send(t, transaction)
	}
	valid := 0
	for _, transaction := range transactions {
		switch done := s.outcome(t, transaction); done.code {
		case peer.TxValidationCode_VALID:
			valid++
		default:
			requireCode(t, peer.TxValidationCode_MVCC_READ_CONFLICT, done)
		}
	}
	require.Equal(t, 1, valid)
	require.Equal(t, "1", m.get(t, key).Value)
}

func scan(start, end string) chaincode.Step {
	return chaincode.Step{Op: "range", Key: start, End: end}
}

func private(collection, key, value string) chaincode.Step {
	return chaincode.Step{Op: "privatePut", Collection: collection, Key: key, Value: value}
}

func composite(p string, attributes ...string) chaincode.Step {
	return chaincode.Step{Op: "putComposite", Key: p + "lot", Keys: attributes, Value: "1"}
}

// manyRows writes n keys p0000, p0001, …
func manyRows(p string, n int) []chaincode.Step {
	list := make([]chaincode.Step, n)
	for i := range list {
		list[i] = put(fmt.Sprintf("%s%04d", p, i), "1")
	}
	return list
}
