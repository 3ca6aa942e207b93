package desk

import (
	"cmp"
	"encoding/json"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Widgets of fields that name records. Nobody knows a record by its key: a form lists
// those that may be meant, and still takes the key of another.
const (
	widgetRecord  widget = "record"  // one of a list
	widgetRecords widget = "records" // several
)

// maxOffered bounds the records offered for one field; the others are named by their key.
const maxOffered = 30

// offer turns the fields that name records into choices among those known.
func (f *sheetForm) offer(known []suggestions) {
	offerIn(f.Main, known)
	offerIn(f.Later, known)
}

func offerIn(nodes []node, known []suggestions) {
	for _, n := range nodes {
		if n.Group != nil {
			for _, row := range n.Group.Rows {
				offerIn(row, known)
			}
			continue
		}
		at := slices.IndexFunc(known, func(s suggestions) bool { return s.Records && s.ID == n.Field.Suggest && len(s.Values) > 0 })
		if at >= 0 {
			n.Field.choose(known[at].Values)
		}
	}
}

// choose makes the field a choice among records. What was typed and is none of them stays
// typed.
func (f *field) choose(among []known) {
	given := entries(f.Values)
	for _, k := range among {
		f.Options = append(f.Options, option{k.Value, k.Label, slices.Contains(given, k.Value)})
		given = slices.DeleteFunc(given, func(key string) bool { return key == k.Value })
	}
	f.Values = given
	f.Widget = widgetRecord
	if f.several {
		f.Widget = widgetRecords
	}
}

// offeredRecords lists the records that fields of forms name.
func (d *Desk) offeredRecords(v visit) ([]suggestions, error) {
	var out []suggestions
	for _, k := range [][2]string{
		{"known-inspection", state.FactInspection}, {"known-review", state.FactReview}, {"known-action", state.FactAction}, {"known-verdict", state.FactVerdict},
	} {
		records, _, err := d.Index.List(index.ListQuery{Kind: k[1], Limit: maxOffered})
		if err != nil {
			return nil, err
		}
		out = append(out, suggestions{ID: k[0], Records: true, Values: d.called(v.lang, records, false)})
	}
	causes, err := d.causes(v)
	return append(out, causes), err
}

// called names records by what they say.
func (d *Desk) called(l Language, records []index.Record, kinds bool) []known {
	var out []known
	for i, n := range d.lines(l, records) {
		label := n.About + " · " + n.Recorded
		if kinds {
			label = n.What + words{"：", ": "}.in(l) + label
		}
		out = append(out, known{string(records[i].Key), label})
	}
	return out
}

// causes are what an action of this role may rest on, by time, as the steps of a ladder
// name them: of the ladder the violations in streams and the reviews that overturned one,
// of other measures what labs and monitors found, and measures to be lifted.
func (d *Desk) causes(v visit) (suggestions, error) {
	out := suggestions{ID: "known-cause", Records: true}
	if !slices.Contains(methodOf("enforcement:TakeAction").Roles, v.role) {
		return out, nil
	}
	ladder := v.role == trace.RolePlatformOperator
	var found []index.Record
	for _, kind := range []string{state.FactInspection, state.FactVerdict, state.FactVerdictReview, state.FactAction} {
		records, _, err := d.Index.List(index.ListQuery{Kind: kind, Limit: index.MaxList})
		if err != nil {
			return out, err
		}
		for _, rec := range records {
			if grave, err := mayCause(rec, ladder); err != nil {
				return out, err
			} else if grave {
				found = append(found, rec)
			}
		}
	}
	slices.SortFunc(found, func(a, b index.Record) int {
		if a.Block != b.Block {
			return cmp.Compare(a.Block, b.Block)
		}
		return cmp.Compare(a.Position, b.Position)
	})
	found = found[max(0, len(found)-maxOffered):]
	out.Values = d.called(v.lang, found, true)
	return out, nil
}

// mayCause tells whether a record is a reason to act at all; whether it is one for this
// action is the chain's to judge.
func mayCause(rec index.Record, ladder bool) (bool, error) {
	fact, ok := state.ParseFactKey(rec.Key)
	if !ok {
		return false, nil
	}
	var said struct {
		Judgement trace.Judgement     `json:"judgement"`
		Level     trace.VerdictLevel  `json:"level"`
		Outcome   trace.ReviewOutcome `json:"outcome"`
		Kind      trace.ActionKind    `json:"kind"`
	}
	if err := json.Unmarshal(rec.Value, &said); err != nil {
		return false, err
	}
	live := fact.Subject.Kind == trace.SubjectStream
	switch rec.Kind {
	case state.FactInspection:
		return !ladder && said.Judgement == trace.JudgedFail, nil
	case state.FactVerdict:
		return ladder == live && said.Level != trace.LevelClear, nil
	case state.FactVerdictReview:
		return ladder && live && said.Outcome == trace.OutcomeOverturned, nil
	case state.FactAction:
		return !ladder && !said.Kind.OnLadder() && said.Kind != trace.ActionReinstate, nil
	}
	return false, nil
}
