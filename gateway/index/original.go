package index

import (
	"encoding/binary"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// asOriginal gives an imported transaction the time at which its record was first on a
// ledger: pages and warnings go by that. When it came to this one the record says too,
// and that must be so. An import begins with the founding organisations' records and none
// of one that joined.
func (t *transaction) asOriginal() *trace.Error {
	now := t.recorded
	for i := range t.writes {
		w := &t.writes[i]
		if w.refused != nil || w.deleted {
			continue
		}
		for _, h := range w.heads() {
			if h.Original == nil || w.kind.nature != natureRecord && h.Original.Imported != now {
				continue // an earlier version in a list of them
			}
			moves := func(o write) bool { return o.refused == nil && o.kind.id == state.KindImportProgress }
			if t.joined || h.Original.Imported != now || h.Recorded > now+trace.ClockSkew || !slices.ContainsFunc(t.writes, moves) {
				return trace.Errorf(ReasonMalformed, "%s says it was imported %s from a record of %s, in a transaction of %s that is none of an import", w.key, h.Original.Imported, h.Recorded, now)
			}
			t.original, t.recorded = h.Original, h.Recorded
			return nil
		}
	}
	return nil
}

// whileOpen keeps out what claims an earlier time while no import is open: a majority that
// runs altered contracts could move an import on that was closed, or never opened. Opening
// and closing are endorsed by every founding organisation.
func (f *fold) whileOpen(t *transaction) (*trace.Error, error) {
	for i := range t.writes {
		w := &t.writes[i]
		if w.refused != nil || w.kind.id != state.KindImportProgress {
			continue
		}
		opened, err := f.onFile(state.KindImport + "/" + w.parts[0])
		if err != nil {
			return nil, err
		}
		closed, err := f.onFile(state.KindImportClosed + "/" + w.parts[0])
		if err != nil {
			return nil, err
		}
		if !opened || closed {
			return trace.Errorf(ReasonMalformed, "%s moves on in a transaction of %s, when no import of that ledger is open", w.key, t.original.Imported), nil
		}
	}
	return nil, nil
}

// heads are what the value begins with: one of a record, one for each version of a standard.
func (w *write) heads() []head {
	if w.kind.nature == natureRecord {
		return []head{w.links.head}
	}
	if len(w.value) == 0 || w.value[0] != '[' {
		return nil
	}
	var versions []head
	if w.decode(&versions) != nil {
		return nil
	}
	return versions
}

// appendOriginal writes what is known of a record's first ledger: 0, or 1 and its parts.
func appendOriginal(row []byte, o *trace.Original) []byte {
	if o == nil {
		return append(row, 0)
	}
	row = append(row, 1)
	row = append(row, o.Transaction[:]...)
	row = binary.AppendUvarint(row, uint64(o.Block))
	row = binary.AppendUvarint(row, uint64(o.Position))
	row = append(row, o.Envelope[:]...)
	return binary.AppendVarint(row, int64(o.Imported))
}

func (r *rowReader) original() *trace.Original {
	if there := r.unsigned(); r.failed || there == 0 {
		return nil
	}
	o := &trace.Original{}
	copy(o.Transaction[:], r.bytes(uint64(len(o.Transaction))))
	o.Block, o.Position = int64(r.unsigned()), int(r.unsigned())
	copy(o.Envelope[:], r.bytes(uint64(len(o.Envelope))))
	o.Imported = trace.Time(r.signed())
	return o
}
