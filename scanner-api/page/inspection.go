package page

import (
	"strconv"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// tests shows every inspection with each result beside its limit, the standard that
// sets the limit, the method and the judgement.
func (b *builder) tests() {
	provenance := func(i index.Inspection) index.Provenance { return i.Provenance }
	for _, a := range arrange(b.s.Lot.Inspections, provenance) {
		r := a.record.Record
		test := Test{
			Title: b.sample(r.Sample), Sampled: Clock(r.SampledAt), Lab: b.partyName(a.record.Provenance.Party),
			Number: r.CertificateNumber, Judgement: b.judgement(r.Judgement), Mark: string(r.Judgement),
			Superseded: len(a.record.SupersededBy) > 0,
			Files:      b.files(b.words("检验报告", "Test report"), r.Certificate),
			Stamp:      withReason(b.sign(b.recordKind(state.FactInspection), a.record.Provenance), a.corrects, r.Head),
		}
		for _, item := range r.Items {
			test.Items = append(test.Items, b.testItem(item))
		}
		b.v.Tests = append(b.v.Tests, test)
	}
}

func (b *builder) testItem(item trace.JudgedItem) TestItem {
	v := TestItem{
		Name: item.Substance, Result: b.result(item.InspectionItem), Method: item.Method,
		Judgement: b.judgement(item.Judgement), Mark: string(item.Judgement),
		Limit: b.words("无限量在册", "no limit on file"),
	}
	if l := item.Limit; l != nil {
		v.Name, v.OtherName = b.pick(l.Name, item.Substance), item.Substance
		if b.Language == English {
			v.Name, v.OtherName = item.Substance, l.Name
		}
		v.Limit = b.limit(l)
		v.Standard = l.Source.Standard
		if l.Source.Clause != "" {
			v.Standard += " " + l.Source.Clause
		}
		if !l.Source.Checked {
			v.Standard += b.words("（限量值未核对现行版）", " (value not yet compared with the edition in force)")
		}
		if l.Quality {
			v.Standard += b.words("（品质指标）", " (quality value)")
		}
	}
	return v
}

// failedItems names what a report found beyond its limit.
func (b *builder) failedItems(r trace.Inspection) []string {
	var failed []string
	for _, item := range r.Items {
		if item.Judgement == trace.JudgedFail {
			failed = append(failed, b.testItem(item).Name+" "+b.result(item.InspectionItem))
		}
	}
	return failed
}

func (b *builder) result(item trace.InspectionItem) string {
	value := ""
	if item.Value != nil {
		value = item.Value.String()
		if item.Unit != "" {
			value += " " + item.Unit
		}
	}
	switch item.Result {
	case trace.ResultNumber:
		return value
	case trace.ResultBelowLOQ:
		return "< " + value
	case trace.ResultNotDetected:
		if value != "" {
			return b.words("未检出（检出限 ", "not detected (LOD ") + value + b.words("）", ")")
		}
		return b.words("未检出", "not detected")
	case trace.ResultDetected:
		return b.words("检出", "detected")
	}
	return item.Text
}

func (b *builder) limit(l *trace.AppliedLimit) string {
	unit := ""
	if l.Unit != "" {
		unit = " " + l.Unit
	}
	switch {
	case l.Kind == trace.LimitNotDetected:
		return b.words("不得检出", "must not be detected")
	case l.Kind == trace.LimitQualitative:
		return l.Expected
	case l.Minimum != nil && l.Maximum != nil:
		return l.Minimum.String() + " – " + l.Maximum.String() + unit
	case l.Maximum != nil:
		return "≤ " + l.Maximum.String() + unit
	case l.Minimum != nil:
		return "≥ " + l.Minimum.String() + unit
	}
	return "—"
}

func (b *builder) reviews() {
	for _, a := range arrange(b.s.Lot.Reviews, typedProvenance[trace.Review]) {
		r := a.record.Record
		review := Review{
			Title: b.words("第 "+strconv.Itoa(r.Level)+" 级评审 · ", "Review level "+strconv.Itoa(r.Level)+" · "), Note: r.Note, Pass: r.Pass,
			Outcome: b.words("未通过", "not passed"),
			Files:   b.files(b.words("评审文件", "Review document"), r.Document),
			Stamp:   withReason(b.sign(b.recordKind(state.FactReview), a.record.Provenance), a.corrects, r.Head),
		}
		switch r.Level {
		case 1:
			review.Title += b.words("合约自动核验", "computed by the contract")
		case 2:
			review.Title += b.words("检验机构复审", "by a lab")
		case 3:
			review.Title += b.words("消费者评审团", "by the consumer panel")
		}
		if r.Pass {
			review.Outcome = b.words("通过", "passed")
		}
		if r.Panel > 0 {
			review.Outcome += b.words(" · 满意 ", " · satisfied ") + strconv.Itoa(r.Satisfied) + " / " + strconv.Itoa(r.Panel)
		}
		for _, c := range r.Checks {
			review.Checks = append(review.Checks, Check{Name: b.check(c.Check), Found: c.Found, Pass: c.Pass})
		}
		b.v.Reviews = append(b.v.Reviews, review)
	}
}
