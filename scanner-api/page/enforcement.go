package page

import (
	"fmt"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// enforcement shows what monitors found and what platform and regulator did, the
// newest first: about the lot, its product, this item's pack and its shipments.
func (b *builder) enforcement() {
	lot := b.s.Lot
	verdicts := slices.Clone(lot.Verdicts)
	actions := slices.Clone(lot.Actions)
	if lot.Product != nil {
		verdicts = append(verdicts, lot.Product.Verdicts...)
		actions = append(actions, lot.Product.Actions...)
	}
	if j := b.s.Journey; j != nil {
		for i := range lot.Packs {
			if lot.Packs[i].ID == j.Pack {
				verdicts = append(verdicts, lot.Packs[i].Verdicts...)
			}
		}
		for i := range j.Legs {
			verdicts = append(verdicts, j.Legs[i].Verdicts...)
		}
	}
	inChainOrder(verdicts, func(v index.Verdict) index.Provenance { return v.Provenance })
	inChainOrder(actions, func(a index.Action) index.Provenance { return a.Provenance })
	for _, v := range newestFirst(verdicts) {
		b.v.Verdicts = append(b.v.Verdicts, b.verdictView(v))
	}
	for _, a := range newestFirst(actions) {
		b.v.Actions = append(b.v.Actions, b.actionView(a))
	}
}

func inChainOrder[T any](list []T, provenance func(T) index.Provenance) {
	slices.SortStableFunc(list, func(x, y T) int {
		p, q := provenance(x), provenance(y)
		if p.Block != q.Block {
			return int(int64(p.Block) - int64(q.Block))
		}
		return p.Position - q.Position
	})
}

func (b *builder) verdictView(v index.Verdict) Verdict {
	r := v.Record
	view := Verdict{
		Level: b.Language.verdict(r.Level), Text: b.pick(r.Text, r.TextEnglish), Monitor: r.Monitor + " " + r.Version,
		Overturned: v.Overturned(), Stamp: b.sign(b.recordKind(state.FactVerdict), v.Provenance),
	}
	if v.Adverse() {
		view.Mark = "warn"
		if r.Level == trace.LevelViolation {
			view.Mark = "bad"
		}
	}
	for _, review := range v.Reviews {
		b.sign(b.recordKind(state.FactVerdictReview), review.Provenance)
		words := b.outcome(review.Record.Outcome)
		if review.Record.Reason != "" {
			words += b.words("：", ": ") + review.Record.Reason
		}
		view.Reviews = append(view.Reviews, words)
	}
	return view
}

func (b *builder) actionView(a index.Action) Action {
	r := a.Record
	view := Action{
		Title: b.action(r.Kind), Reason: r.Reason, Undone: len(a.UndoneBy) > 0,
		Files: b.files(b.words("整改报告", "Rectification report"), r.Rectification),
		Stamp: b.sign(b.recordKind(state.FactAction), a.Provenance),
	}
	view.Elsewhere = r.Codes != nil && b.s.Journey != nil && !b.holds(r.Codes)
	view.Open = r.Kind != trace.ActionReinstate && !view.Undone && !view.Elsewhere
	if r.Codes != nil {
		view.Title += fmt.Sprintf(b.words("（码包 %s 第 %d–%d 件）", " (items %[2]d–%[3]d of pack %[1]s)"), r.Codes.Pack, r.Codes.First, r.Codes.Last)
	} else if r.Lot == nil && r.GTIN != "" {
		view.Title += b.words("（整个商品）", " (the whole product)")
	}
	for _, basis := range r.Basis {
		view.Basis = append(view.Basis, basis.Law+" "+basis.Article)
	}
	return view
}

// holds tells whether this page's item is in a run of codes. Items that share a body
// are all in it or all outside: recalled runs cut a pack into groups.
func (b *builder) holds(codes *trace.CodeRange) bool {
	j := b.s.Journey
	return codes.Pack == j.Pack && codes.First <= j.Item && j.Item <= codes.Last
}
