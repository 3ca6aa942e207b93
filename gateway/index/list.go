package index

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// MaxList is the most records one List answers with; it is also the default.
const MaxList = 200

// ListQuery says which records to list. At most one of Party, For, Lot and Prefix is set.
type ListQuery struct {
	// Kind limits the list to one kind of record; "" lists all kinds.
	Kind string
	// Party lists what a party wrote.
	Party trace.PartyID
	// For lists what others wrote for a party to act on: the appointments of a carrier.
	For trace.PartyID
	// Lot lists the facts of a lot, its batch, and the units and shipments it travels in.
	Lot *trace.LotID
	// Prefix lists values whose key begins so, in key order instead of newest first. It
	// is how values that change (standards, balances) are listed.
	Prefix trace.Key
	// Cursor is the next of the page before; "" begins.
	Cursor string
	Limit  int // 1 to MaxList; anything else is MaxList

	scope string // another list than those above
}

// Record gives one value by its key.
func (x *Index) Record(key trace.Key) (Record, bool, error) {
	rec, found, err := record(x.db, key)
	if err != nil || !found {
		return Record{}, false, x.failure(err)
	}
	by, err := corrections(x.db, key+"\x00")
	rec.CorrectedBy = by[string(key)]
	return rec, err == nil, x.failure(err)
}

// History gives every value a state key had, oldest first: a standing, a limit, a
// recall. Records have one value, balances keep only the newest. A deletion is a
// record without value.
func (x *Index) History(key trace.Key) ([]Record, error) {
	var out []Record
	err := scan(x.db, historyRows(string(key)), func(_, row []byte) (bool, error) {
		rec, err := parseRecord(string(key), row)
		out = append(out, rec)
		return true, err
	})
	return out, x.failure(err)
}

// List gives a page of records, newest first, and the cursor of the page after it,
// "" when there is none. New records appear before the first page and do not move
// the others.
func (x *Index) List(q ListQuery) (records []Record, next string, err error) {
	if q.Limit < 1 || q.Limit > MaxList {
		q.Limit = MaxList
	}
	cursor, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err != nil {
		return nil, "", trace.Errorf(CodeCursor, "cursor %q is not one that a list gave", q.Cursor)
	}
	snapshot := x.db.NewSnapshot()
	defer func() { err = joinClose(x, err, snapshot) }()
	var after []byte
	if q.Prefix != "" {
		records, after, err = listPrefix(snapshot, q, cursor)
	} else {
		records, after, err = listNewest(snapshot, q, cursor)
	}
	if len(after) > 0 {
		next = base64.RawURLEncoding.EncodeToString(after)
	}
	return records, next, err
}

func joinClose(x *Index, err error, snapshot *pebble.Snapshot) error {
	if closed := snapshot.Close(); err == nil {
		err = closed
	}
	return x.failure(err)
}

// listPrefix lists in key order; its cursor is the last key given.
func listPrefix(from pebble.Reader, q ListQuery, cursor []byte) (out []Record, next []byte, err error) {
	prefix := recordRow(string(q.Prefix))
	options := &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)}
	if len(cursor) > 0 {
		if !bytes.HasPrefix(cursor, []byte(q.Prefix)) {
			return nil, nil, trace.Errorf(CodeCursor, "the cursor belongs to another list than %q", q.Prefix)
		}
		options.LowerBound = append(recordRow(string(cursor)), 0)
	}
	rows, err := from.NewIter(options)
	if err != nil {
		return nil, nil, err
	}
	for ok := rows.First(); ok; ok = rows.Next() {
		rec, err := parseRecord(string(rows.Key()[2:]), rows.Value())
		if err != nil {
			return nil, nil, errors.Join(err, rows.Close())
		}
		if q.Kind != "" && rec.Kind != q.Kind {
			continue
		}
		if len(out) == q.Limit {
			next = []byte(out[q.Limit-1].Key)
			break
		}
		out = append(out, rec)
	}
	return out, next, errors.Join(rows.Error(), rows.Close())
}

// listNewest merges the lists of the kinds asked for; its cursor is the place of the
// last record given.
func listNewest(from pebble.Reader, q ListQuery, cursor []byte) (out []Record, next []byte, err error) {
	if len(cursor) != 0 && len(cursor) != placeBytes {
		return nil, nil, trace.Errorf(CodeCursor, "cursor %q is not one that this list gave", q.Cursor)
	}
	scope := scopeAll
	switch {
	case q.scope != "":
		scope = q.scope
	case q.Party != "":
		scope = scopeParty(q.Party)
	case q.For != "":
		scope = scopeFor(q.For)
	case q.Lot != nil:
		scope = scopeLot(state.LotSubject(*q.Lot).ID)
	}
	merged, err := mergeLists(from, scope, q.Kind, cursor)
	defer func() { err = errors.Join(err, merged.close()) }()
	for err == nil {
		var key trace.Key
		var at []byte
		if key, at, err = merged.next(); err != nil || key == "" {
			return out, nil, err
		}
		if len(out) == q.Limit {
			return out, next, nil
		}
		rec, found, err := record(from, key)
		if err != nil {
			return nil, nil, err
		}
		if found {
			rec.CorrectedBy, err = correctionsOf(from, key)
			if err != nil {
				return nil, nil, err
			}
			out, next = append(out, rec), at
		}
	}
	return nil, nil, err
}

func correctionsOf(from pebble.Reader, key trace.Key) ([]trace.Key, error) {
	by, err := corrections(from, key+"\x00")
	return by[string(key)], err
}

// merge walks several lists of one scope, newest first.
type merge struct {
	lists []*pebble.Iterator
	valid []bool
}

// mergeLists opens the lists of a scope behind a place; kind "" opens those of every
// kind the scope has.
func mergeLists(from pebble.Reader, scope, kind string, behind []byte) (*merge, error) {
	m := &merge{}
	kinds := []string{kind}
	if kind == "" {
		var err error
		if kinds, err = listedKinds(from, scope); err != nil {
			return m, err
		}
	}
	for _, k := range kinds {
		prefix := listRows(scope, k)
		options := &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)}
		if len(behind) > 0 {
			options.LowerBound = append(append(slices.Clone(prefix), behind...), 0)
		}
		rows, err := from.NewIter(options)
		if err != nil {
			return m, err
		}
		m.lists = append(m.lists, rows)
		m.valid = append(m.valid, rows.First())
	}
	return m, nil
}

// listedKinds finds the kinds a scope has lists of, a seek for each.
func listedKinds(from pebble.Reader, scope string) ([]string, error) {
	prefix := append(appendRow(kindList, scope, 1), 0)
	rows, err := from.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, err
	}
	var kinds []string
	for ok := rows.First(); ok; {
		kind, _, _ := bytes.Cut(rows.Key()[len(prefix):], []byte{0})
		kinds = append(kinds, string(kind))
		ok = rows.SeekGE(after(listRows(scope, string(kind))))
	}
	return kinds, errors.Join(rows.Error(), rows.Close())
}

// next gives the newest record left and its place; "" when none is.
func (m *merge) next() (trace.Key, []byte, error) {
	newest := -1
	var at []byte
	for i, rows := range m.lists {
		if !m.valid[i] {
			if err := rows.Error(); err != nil {
				return "", nil, err
			}
			continue
		}
		if place := rows.Key()[len(rows.Key())-placeBytes:]; newest < 0 || bytes.Compare(place, at) < 0 {
			newest, at = i, place
		}
	}
	if newest < 0 {
		return "", nil, nil
	}
	key, at := trace.Key(m.lists[newest].Value()), slices.Clone(at)
	m.valid[newest] = m.lists[newest].Next()
	return key, at, nil
}

func (m *merge) close() error {
	var err error
	for _, rows := range m.lists {
		err = errors.Join(err, rows.Close())
	}
	return err
}

// Limits gives the published limits of a commodity: every version, by substance, then
// by effective date.
func (x *Index) Limits(commodity string) ([]trace.Limit, error) {
	var out []trace.Limit
	err := x.read(func(s *story) error {
		recs, err := records(s.from, prefixOf(state.LimitKey(commodity, "n")))
		if err != nil {
			return err
		}
		for _, rec := range recs {
			var versions []trace.Limit
			if err := json.Unmarshal(rec.Value, &versions); err != nil {
				return err
			}
			out = append(out, versions...)
		}
		return nil
	})
	return out, err
}

// Rejected lists what is on the chain but was not admitted, oldest first, and gives
// the cursor of the page after it, "" when there is none; limit as in ListQuery.
func (x *Index) Rejected(cursor string, limit int) (aside []Rejected, next string, err error) {
	if limit < 1 || limit > MaxList {
		limit = MaxList
	}
	behind, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(behind) != 0 && len(behind) != placeBytes {
		return nil, "", trace.Errorf(CodeCursor, "cursor %q is not one that this list gave", cursor)
	}
	prefix := appendRow(kindReject, "", 0)
	options := &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)}
	if len(behind) > 0 {
		options.LowerBound = append(append(slices.Clone(prefix), behind...), 0)
	}
	rows, err := x.db.NewIter(options)
	if err != nil {
		return nil, "", x.failure(err)
	}
	var last []byte
	for ok := rows.First(); ok; ok = rows.Next() {
		if len(aside) == limit {
			next = base64.RawURLEncoding.EncodeToString(last)
			break
		}
		var r Rejected
		if err := json.Unmarshal(rows.Value(), &r); err != nil {
			return nil, "", errors.Join(err, rows.Close())
		}
		aside, last = append(aside, r), slices.Clone(rows.Key()[len(prefix):])
	}
	return aside, next, x.failure(errors.Join(rows.Error(), rows.Close()))
}

// Last gives the newest value of the last key that begins with prefix.
func (x *Index) Last(prefix trace.Key) (Record, bool, error) {
	lower := recordRow(string(prefix))
	rows, err := x.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: after(lower)})
	if err != nil {
		return Record{}, false, x.failure(err)
	}
	found := rows.Last()
	var rec Record
	if found {
		rec, err = parseRecord(string(rows.Key()[2:]), rows.Value())
	}
	err = errors.Join(err, rows.Error(), rows.Close())
	return rec, found && err == nil, x.failure(err)
}
