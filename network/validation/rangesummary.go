package validation

import (
	"crypto/sha256"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/proto"
)

// RangeDegree is the fan-out of the tree over the results of a range query: up
// to this many results are recorded one by one, more are summarised by hashes.
const RangeDegree = 50

// RangeSummary condenses the results of a range query into what the read-write
// set records of them. Endorsers build it while simulating and every validator
// builds it again to see whether the range still reads the same.
//
// Results are leaves. Whenever more than degree items gather on a level they
// become one hash on the level above.
type RangeSummary struct {
	degree  int
	pending []*kvrwset.KVRead
	levels  map[uint32][][]byte
	top     uint32
	hashed  bool
}

// NewRangeSummary returns an empty summary; degree must be at least 2.
func NewRangeSummary(degree int) *RangeSummary {
	return &RangeSummary{degree: degree, levels: map[uint32][][]byte{}, top: 1}
}

// Add records the next result.
func (s *RangeSummary) Add(key string, version Version) error {
	s.pending = append(s.pending, &kvrwset.KVRead{Key: key, Version: version.proto()})
	if len(s.pending) > s.degree {
		return s.fold()
	}
	return nil
}

// Result completes the summary: the reads themselves when they are few, else
// the tree's upper hashes. Both are nil for an empty range.
func (s *RangeSummary) Result() ([]*kvrwset.KVRead, *kvrwset.QueryReadsMerkleSummary, error) {
	if !s.hashed {
		return s.pending, nil, nil
	}
	if len(s.pending) > 0 {
		if err := s.fold(); err != nil {
			return nil, nil, err
		}
	}
	for level := uint32(1); level < s.top; level++ {
		switch hashes := s.levels[level]; len(hashes) {
		case 0:
		case 1:
			s.raise(level, hashes[0])
		default:
			s.raise(level, combine(hashes))
		}
	}
	if hashes := s.levels[s.top]; len(hashes) > s.degree {
		s.raise(s.top, combine(hashes))
		s.top++
	}
	return nil, &kvrwset.QueryReadsMerkleSummary{
		MaxDegree:      uint32(s.degree),
		MaxLevel:       s.top,
		MaxLevelHashes: s.levels[s.top],
	}, nil
}

func (s *RangeSummary) fold() error {
	raw, err := proto.Marshal(&kvrwset.QueryReads{KvReads: s.pending})
	if err != nil {
		return err
	}
	s.pending, s.hashed = nil, true
	leaf := sha256.Sum256(raw)
	s.levels[1] = append(s.levels[1], leaf[:])
	for level := uint32(1); len(s.levels[level]) > s.degree; level++ {
		s.raise(level, combine(s.levels[level]))
		s.top = max(s.top, level+1)
	}
	return nil
}

// raise replaces a level by one hash on the level above.
func (s *RangeSummary) raise(level uint32, hash []byte) {
	delete(s.levels, level)
	s.levels[level+1] = append(s.levels[level+1], hash)
}

func combine(hashes [][]byte) []byte {
	h := sha256.New()
	for _, part := range hashes {
		h.Write(part)
	}
	return h.Sum(nil)
}

func (v Version) proto() *kvrwset.Version {
	return &kvrwset.Version{BlockNum: v.Block, TxNum: v.Transaction}
}

// sameVersion compares what was read with what is there; nil means absent.
func sameVersion(read *kvrwset.Version, there *Value) bool {
	if read == nil || there == nil {
		return read == nil && there == nil
	}
	return read.GetBlockNum() == there.Version.Block && read.GetTxNum() == there.Version.Transaction
}
