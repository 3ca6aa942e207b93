package index

import (
	"bytes"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/trace"
)

// Since gives the records of some kinds from a block on, in chain order, and the block
// to go on from: the one behind the last block given whole or, when there are no more,
// the height. limit bounds how many records are gathered before a block's end stops it,
// so that what follows the chain never sees half a block; 0 is MaxList. It is how
// monitors follow: a record that is not admitted is not seen by them either.
func (x *Index) Since(block uint64, kinds []string, limit int) (records []Record, next uint64, err error) {
	if limit < 1 {
		limit = MaxList
	}
	next = max(x.Height(), block) // before the snapshot, which may hold more
	snapshot := x.db.NewSnapshot()
	defer func() { err = joinClose(x, err, snapshot) }()
	ahead, err := openAhead(snapshot, block, kinds)
	defer func() { err = errors.Join(err, ahead.close()) }()
	for err == nil {
		var key trace.Key
		if key, err = ahead.next(); err != nil || key == "" {
			return records, next, err
		}
		rec, found, err := record(snapshot, key)
		if err != nil {
			return nil, block, err
		}
		if !found {
			continue
		}
		if n := len(records); n >= limit && rec.Block != records[n-1].Block {
			return records, rec.Block, nil
		}
		records, next = append(records, rec), max(next, rec.Block+1)
	}
	return nil, block, err
}

// ahead walks the lists of several kinds of record, oldest first: the lists are kept
// newest first, so backwards.
type ahead struct {
	lists []*pebble.Iterator
	valid []bool
}

func openAhead(from pebble.Reader, block uint64, kinds []string) (*ahead, error) {
	a := &ahead{}
	for _, kind := range kinds {
		prefix := listRows(scopeAll, kind)
		rows, err := from.NewIter(&pebble.IterOptions{
			LowerBound: prefix, UpperBound: append(place{block: block}.appendLatest(slices.Clone(prefix)), 0),
		})
		if err != nil {
			return a, err
		}
		a.lists = append(a.lists, rows)
		a.valid = append(a.valid, rows.Last())
	}
	return a, nil
}

// next gives the oldest record left; "" when none is.
func (a *ahead) next() (trace.Key, error) {
	oldest := -1
	var at []byte
	for i, rows := range a.lists {
		if !a.valid[i] {
			if err := rows.Error(); err != nil {
				return "", err
			}
			continue
		}
		if latest := rows.Key()[len(rows.Key())-placeBytes:]; oldest < 0 || bytes.Compare(latest, at) > 0 {
			oldest, at = i, latest
		}
	}
	if oldest < 0 {
		return "", nil
	}
	key := trace.Key(a.lists[oldest].Value())
	a.valid[oldest] = a.lists[oldest].Prev()
	return key, nil
}

func (a *ahead) close() error {
	var err error
	for _, rows := range a.lists {
		err = errors.Join(err, rows.Close())
	}
	return err
}
