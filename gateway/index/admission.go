package index

import (
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// Reasons why a value on the chain is not admitted to the read model.
const (
	// ReasonUnknownKind: the key is of no kind this version knows. The transaction's
	// other values enter.
	ReasonUnknownKind trace.Code = "UNKNOWN_KIND"
	// ReasonMalformed: the value is not what its key says.
	ReasonMalformed trace.Code = "MALFORMED_VALUE"
	// ReasonWriter: the certificate that signed the transaction does not fit the
	// record, or may not write its kind.
	ReasonWriter trace.Code = "WRONG_WRITER"
	// ReasonNotEndorsed: the organisation that answers for the kind did not endorse.
	ReasonNotEndorsed trace.Code = "NOT_ENDORSED"
	// ReasonAlone: a value that changes only along with a record came without it.
	ReasonAlone trace.Code = "WITHOUT_RECORD"
	// ReasonRewritten: a record that is written once was changed or deleted.
	ReasonRewritten trace.Code = "REWRITTEN"
)

// admit checks every value of a transaction against the organisations that answer
// for its kind. organisation is the kind of the writer's organisation (rules.KindOf). One value that fails keeps the whole transaction out: its parts
// were endorsed together and mean nothing apart.
func admit(t *transaction, organisation string) *trace.Error {
	for i := range t.writes {
		w := &t.writes[i]
		if w.refused != nil && w.refused.Code == ReasonUnknownKind {
			continue
		}
		if w.refused != nil {
			return w.refused
		}
		if err := admitWrite(t, w, organisation); err != nil {
			return err
		}
	}
	return nil
}

func admitWrite(t *transaction, w *write, organisation string) *trace.Error {
	if w.deleted && w.kind.nature == natureRecord {
		return trace.Errorf(ReasonRewritten, "%s was deleted, records are written once", w.key)
	}
	if len(w.kind.with) > 0 {
		if !slices.ContainsFunc(t.writes, func(o write) bool { return o.refused == nil && slices.Contains(w.kind.with, o.kind.id) }) {
			return trace.Errorf(ReasonAlone, "%s came without a record of one of the kinds %v", w.key, w.kind.with)
		}
		return nil
	}
	if w.kind.nature == natureRecord {
		h := &w.links.head
		if h.MSP != t.writer.msp || h.Party != t.writer.party || h.Role != t.writer.role {
			return trace.Errorf(ReasonWriter, "%s says it was written by %s %s of %s, the certificate says %s %s of %s",
				w.key, h.Role, h.Party, h.MSP, t.writer.role, t.writer.party, t.writer.msp)
		}
	}
	return responsible(t, w, organisation)
}

// responsible holds a value to the catalogue: the writer may call the method that
// writes this kind, and every organisation the method answers with has endorsed.
func responsible(t *transaction, w *write, organisation string) *trace.Error {
	err := rules.MayCall(w.kind.call, organisation, t.writer.role)
	if err == nil {
		err = rules.MayDecideMembers(w.kind.call, t.writer.msp)
	}
	if err != nil {
		return trace.Errorf(ReasonWriter, "%s: %v", w.key, err)
	}
	for _, msp := range rules.GuardsOf(w.kind.call, t.writer.msp) {
		if !slices.Contains(t.endorsers, msp) {
			return trace.Errorf(ReasonNotEndorsed, "%s needs the endorsement of %s, endorsed by %v", w.key, msp, t.endorsers)
		}
	}
	return nil
}
