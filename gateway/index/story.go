package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// story reads one page's worth of records from one state of the index, and notes the
// topics it depends on and the parties it names. It belongs to one goroutine.
type story struct {
	from    pebble.Reader
	topics  map[string]struct{}
	named   map[trace.PartyID]struct{}
	parties map[trace.PartyID]*Party
}

// read tells a story from a snapshot.
func (x *Index) read(tell func(*story) error) error {
	snapshot := x.db.NewSnapshot()
	err := tell(&story{
		from: snapshot, topics: map[string]struct{}{},
		named: map[trace.PartyID]struct{}{}, parties: map[trace.PartyID]*Party{},
	})
	return x.failure(errors.Join(err, snapshot.Close()))
}

func (s *story) topic(subject trace.Subject) { s.topics[topicOf(subject)] = struct{}{} }

func (s *story) topicList() []string { return slices.Sorted(maps.Keys(s.topics)) }

// version is the newest block, plus one, that changed a topic of the story.
func (s *story) version() (uint64, error) {
	var newest uint64
	for topic := range s.topics {
		v, err := topicVersion(s.from, topic)
		if err != nil {
			return 0, err
		}
		newest = max(newest, v)
	}
	return newest, nil
}

// name notes parties that the story mentions.
func (s *story) name(parties ...trace.PartyID) {
	for _, p := range parties {
		if p != "" {
			s.named[p] = struct{}{}
		}
	}
}

// get reads one row.
func get(from pebble.Reader, key []byte) (value []byte, found bool, err error) {
	row, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value = slices.Clone(row)
	return value, true, closer.Close()
}

// scan reads all rows whose key begins with prefix, until each says stop.
func scan(from pebble.Reader, prefix []byte, each func(key, value []byte) (more bool, err error)) error {
	rows, err := from.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	for ok := rows.First(); ok; ok = rows.Next() {
		more, err := each(rows.Key(), rows.Value())
		if err != nil {
			return errors.Join(err, rows.Close())
		}
		if !more {
			break
		}
	}
	return errors.Join(rows.Error(), rows.Close())
}

// record reads a value by its key on the chain.
func record(from pebble.Reader, key trace.Key) (Record, bool, error) {
	row, found, err := get(from, recordRow(string(key)))
	if err != nil || !found {
		return Record{}, false, err
	}
	rec, err := parseRecord(string(key), row)
	return rec, err == nil, err
}

// records reads all values whose key on the chain begins with prefix, in key order.
func records(from pebble.Reader, prefix trace.Key) ([]Record, error) {
	var out []Record
	err := scan(from, recordRow(string(prefix)), func(key, row []byte) (bool, error) {
		rec, err := parseRecord(string(key[2:]), row)
		out = append(out, rec)
		return true, err
	})
	return out, err
}

// linksOf reads the edges whose from begins with the given text: where each leads, in
// chain order.
func linksOf(from pebble.Reader, r relation, prefix string) (map[string][]string, error) {
	out := map[string][]string{}
	err := scan(from, edgeRows(r, prefix), func(key, _ []byte) (bool, error) {
		origin, to, err := parseEdge(r, key)
		out[origin] = append(out[origin], to)
		return true, err
	})
	return out, err
}

// linksFrom reads the edges of exactly one origin.
func linksFrom(from pebble.Reader, r relation, origin string) ([]string, error) {
	all, err := linksOf(from, r, origin+"\x00")
	return all[origin], err
}

// corrections reads which records correct those whose key begins with prefix.
func corrections(from pebble.Reader, prefix trace.Key) (map[string][]trace.Key, error) {
	links, err := linksOf(from, edgeCorrected, string(prefix))
	out := make(map[string][]trace.Key, len(links))
	for target, by := range links {
		for _, l := range by {
			out[target] = append(out[target], trace.Key(l))
		}
	}
	return out, err
}

// typed decodes a record.
func typed[T any](s *story, rec Record) (Typed[T], error) {
	out := Typed[T]{Provenance: rec.Provenance}
	if err := json.Unmarshal(rec.Value, &out.Record); err != nil {
		return out, fmt.Errorf("value of %s: %w", rec.Key, err)
	}
	s.name(rec.Party)
	return out, nil
}

func typedAll[T any](s *story, recs []Record) ([]Typed[T], error) {
	var out []Typed[T]
	for _, rec := range recs {
		t, err := typed[T](s, rec)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// load reads and decodes a record by its key; nil when it is not on file.
func load[T any](s *story, key trace.Key) (*Typed[T], error) {
	rec, found, err := record(s.from, key)
	if err != nil || !found {
		return nil, err
	}
	by, err := corrections(s.from, key+"\x00")
	if err != nil {
		return nil, err
	}
	rec.CorrectedBy = by[string(key)]
	t, err := typed[T](s, rec)
	return &t, err
}

// value reads and decodes a value that is no record, such as a balance; nil when
// absent.
func value[T any](s *story, key trace.Key) (*T, error) {
	rec, found, err := record(s.from, key)
	if err != nil || !found {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(rec.Value, v); err != nil {
		return nil, fmt.Errorf("value of %s: %w", key, err)
	}
	return v, nil
}

// facts are the facts of one subject by kind, each kind in chain order.
type facts map[string][]Record

// factsOf reads the facts of a subject.
func (s *story) factsOf(subject trace.Subject) (facts, error) {
	s.topic(subject)
	prefix := state.FactPrefix(subject)
	recs, err := records(s.from, prefix)
	if err != nil {
		return nil, err
	}
	by, err := corrections(s.from, prefix)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(recs, chainOrder)
	out := facts{}
	for _, rec := range recs {
		rec.CorrectedBy = by[string(rec.Key)]
		out[rec.Kind] = append(out[rec.Kind], rec)
	}
	return out, nil
}

// chainOrder orders records as they stand on the chain; no transaction writes two
// records whose order matters.
func chainOrder(a, b Record) int { return provenanceOrder(a.Provenance, b.Provenance) }

func provenanceOrder(a, b Provenance) int {
	switch {
	case a.Block != b.Block:
		if a.Block < b.Block {
			return -1
		}
		return 1
	case a.Position != b.Position:
		return a.Position - b.Position
	case a.Key < b.Key:
		return -1
	case a.Key > b.Key:
		return 1
	}
	return 0
}

// verdicts decodes a subject's verdicts with their reviews.
func (s *story) verdicts(of facts) ([]Verdict, error) {
	reviews, err := typedAll[trace.VerdictReview](s, of[state.FactVerdictReview])
	if err != nil {
		return nil, err
	}
	var out []Verdict
	for _, rec := range of[state.FactVerdict] {
		t, err := typed[trace.Verdict](s, rec)
		if err != nil {
			return nil, err
		}
		v := Verdict{Typed: t}
		for _, r := range reviews {
			if r.Record.Verdict == rec.Key {
				v.Reviews = append(v.Reviews, r)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// actions decodes a subject's actions, each with those that undid it.
func (s *story) actions(of facts) ([]Action, error) {
	var out []Action
	for _, rec := range of[state.FactAction] {
		t, err := typed[trace.Action](s, rec)
		if err != nil {
			return nil, err
		}
		out = append(out, Action{Typed: t})
	}
	for _, later := range out {
		if later.Record.Undoes == "" {
			continue
		}
		for i := range out {
			if out[i].Provenance.Key == later.Record.Undoes {
				out[i].UndoneBy = append(out[i].UndoneBy, later.Provenance.Key)
			}
		}
	}
	return out, nil
}

// inspections decodes a subject's inspections, each with those that supersede it.
func (s *story) inspections(of facts) ([]Inspection, error) {
	var out []Inspection
	for _, rec := range of[state.FactInspection] {
		t, err := typed[trace.Inspection](s, rec)
		if err != nil {
			return nil, err
		}
		out = append(out, Inspection{Typed: t})
	}
	for _, later := range out {
		if later.Record.Supersedes == "" {
			continue
		}
		for i := range out {
			if out[i].Provenance.Key == later.Record.Supersedes {
				out[i].SupersededBy = append(out[i].SupersededBy, later.Provenance.Key)
			}
		}
	}
	return out, nil
}
