package validation

import (
	"bytes"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/network/block"
)

// conflicts checks that everything a transaction read still reads the same
// after the block's earlier valid transactions.
func (u *Updates) conflicts(set *block.ReadWriteSet, state State) (peer.TxValidationCode, error) {
	for i := range set.Namespaces {
		ns := &set.Namespaces[i]
		for _, r := range ns.Public.GetReads() {
			if _, changed := u.public(ns.Name, r.GetKey()); changed {
				return peer.TxValidationCode_MVCC_READ_CONFLICT, nil
			}
			v, err := state.Public(ns.Name, r.GetKey())
			if err != nil {
				return 0, err
			}
			if !sameVersion(r.GetVersion(), v) {
				return peer.TxValidationCode_MVCC_READ_CONFLICT, nil
			}
		}
		for _, q := range ns.Public.GetRangeQueriesInfo() {
			same, err := u.rangeReadsSame(ns.Name, q, state)
			if err != nil {
				return 0, err
			}
			if !same {
				return peer.TxValidationCode_PHANTOM_READ_CONFLICT, nil
			}
		}
		for _, c := range ns.Collections {
			for _, r := range c.Hashed.GetHashedReads() {
				if _, changed := u.hashed(ns.Name, c.Name, string(r.GetKeyHash())); changed {
					return peer.TxValidationCode_MVCC_READ_CONFLICT, nil
				}
				v, err := state.Hashed(ns.Name, c.Name, r.GetKeyHash())
				if err != nil {
					return 0, err
				}
				if !sameVersion(r.GetVersion(), v) {
					return peer.TxValidationCode_MVCC_READ_CONFLICT, nil
				}
			}
		}
	}
	return peer.TxValidationCode_VALID, nil
}

// rangeReadsSame runs a recorded range query again.
func (u *Updates) rangeReadsSame(ns string, q *kvrwset.RangeQueryInfo, state State) (bool, error) {
	if want := q.GetReadsMerkleHashes(); want != nil {
		if want.GetMaxDegree() < 2 {
			return false, nil
		}
		summary := NewRangeSummary(int(want.GetMaxDegree()))
		var failed error
		err := u.current(ns, q, state, func(key string, version Version) bool {
			failed = summary.Add(key, version)
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			return false, err
		}
		_, got, err := summary.Result()
		if err != nil {
			return false, err
		}
		return sameSummary(want, got), nil
	}
	reads, next, same := q.GetRawReads().GetKvReads(), 0, true
	err := u.current(ns, q, state, func(key string, version Version) bool {
		same = next < len(reads) && reads[next].GetKey() == key &&
			sameVersion(reads[next].GetVersion(), &Value{Version: version})
		next++
		return same
	})
	return same && next == len(reads), err
}

// current visits the range as it stands now. A query whose iterator was not
// exhausted recorded the last key it saw, so that key is included.
func (u *Updates) current(ns string, q *kvrwset.RangeQueryInfo, state State, visit func(string, Version) bool) error {
	start, end := q.GetStartKey(), q.GetEndKey()
	changed := u.between(ns, start, end)
	more := true
	// emit visits the updated keys below limit that were not deleted.
	emit := func(limit string, bounded bool) {
		for more && len(changed) > 0 && (!bounded || changed[0] < limit) {
			key := changed[0]
			changed = changed[1:]
			if v := u.Public[ns][key]; v.Value != nil {
				more = visit(key, v.Version)
			}
		}
	}
	err := state.Range(ns, start, end, func(key string, version Version) bool {
		emit(key, true)
		if more && len(changed) > 0 && changed[0] == key {
			emit(key+"\x00", true)
			return more
		}
		if more {
			more = visit(key, version)
		}
		return more
	})
	if err != nil {
		return err
	}
	emit("", false)
	if !more || q.GetItrExhausted() {
		return nil
	}
	v, ok := u.public(ns, end)
	if !ok {
		if v, err = state.Public(ns, end); err != nil {
			return err
		}
	}
	if v != nil && v.Value != nil {
		visit(end, v.Version)
	}
	return nil
}

func sameSummary(a, b *kvrwset.QueryReadsMerkleSummary) bool {
	if b == nil || a.GetMaxDegree() != b.GetMaxDegree() || a.GetMaxLevel() != b.GetMaxLevel() ||
		len(a.GetMaxLevelHashes()) != len(b.GetMaxLevelHashes()) {
		return false
	}
	for i, h := range a.GetMaxLevelHashes() {
		if !bytes.Equal(h, b.GetMaxLevelHashes()[i]) {
			return false
		}
	}
	return true
}
