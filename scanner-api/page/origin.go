package page

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// producer shows who made the lot, its licences, and the raw materials with their
// suppliers' licences.
func (b *builder) producer() {
	lot := b.s.Lot
	b.v.Producer = b.party(lot.Batch.Provenance.Party, func(l index.Licence) bool { return l.Record.Number == lot.Batch.Record.Licence })
	if lot.Product != nil && lot.Product.Record.Merchant != "" {
		b.v.Merchant = b.party(lot.Product.Record.Merchant, nil)
	}
	for _, m := range lot.Batch.Record.Materials {
		s := Supplier{Material: m.Name, Lot: m.Lot, Name: b.partyName(m.Supplier), Missing: true}
		if party := lot.Parties[m.Supplier]; party != nil {
			for _, l := range party.Licences {
				if l.Record.Number == m.LicenceNumber {
					good, bad := b.inForce(l)
					s.Licence, s.Missing = b.licence(l.Record.Kind)+" "+l.Record.Number+" · "+good+bad, bad != ""
					b.sign(b.recordKind(state.KindLicence), l.Provenance)
				}
			}
		}
		if s.Licence == "" {
			s.Licence = b.words("未显示：许可证不在册", "not shown: no licence on file")
		}
		b.v.Suppliers = append(b.v.Suppliers, s)
	}
	for _, a := range lot.Ancestors {
		r := Relative{Name: a.ID.String()}
		if a.Batch != nil {
			r.Name = a.ID.String() + " · " + b.partyName(a.Batch.Provenance.Party)
			r.Link = "/01/" + string(a.ID.GTIN) + "/10/" + EscapePart(string(a.ID.Lot))
			b.sign(b.recordKind(state.KindBatch), a.Batch.Provenance)
		}
		if a.Recall != nil && a.Recall.Active {
			r.Recalled = b.words("已召回", "recalled")
		}
		b.v.Parents = append(b.v.Parents, r)
	}
}

// party shows a party with the licences that wanted picks, or all.
func (b *builder) party(id trace.PartyID, wanted func(index.Licence) bool) *Party {
	view := &Party{Name: b.partyName(id), ID: string(id), Status: b.words("在册有效", "in good standing")}
	party := b.s.Lot.Parties[id]
	if party == nil {
		view.Status = b.words("未显示：登记不在册", "not shown: not in the registry")
		view.Suspended = true
		return view
	}
	b.sign(b.recordKind(state.KindParty), party.Provenance)
	view.Region = party.Record.Region
	for _, s := range party.Standings {
		b.sign(b.recordKind(state.FactStanding), s.Provenance)
		words := b.words("恢复", "restored")
		view.Suspended = s.Record.Status == trace.PartySuspended
		if view.Suspended {
			words = b.words("暂停", "suspended")
		}
		view.History = append(view.History, Row{Clock(s.Provenance.Recorded) + " " + words, s.Record.Reason})
	}
	if view.Suspended {
		view.Status = b.words("已被暂停", "suspended")
	}
	for _, l := range party.Licences {
		if wanted == nil || wanted(l) {
			view.Licences = append(view.Licences, b.licencePaper(l))
		}
	}
	return view
}

func (b *builder) licencePaper(l index.Licence) Paper {
	good, bad := b.inForce(l)
	paper := Paper{
		Title: b.licence(l.Record.Kind), Number: l.Record.Number, Good: good, Bad: bad,
		Rows: []Row{
			{b.words("发证机关", "Issued by"), l.Record.Issuer},
			{b.words("有效期", "Valid"), l.Record.ValidFrom.String() + " – " + l.Record.ValidTo.String()},
		},
		Files: b.files(b.words("许可证扫描件", "Scan of the licence"), l.Record.Document),
		Stamp: b.sign(b.recordKind(state.KindLicence), l.Provenance),
	}
	if l.Revocation != nil {
		b.sign(b.recordKind(state.KindRevocation), l.Revocation.Provenance)
		paper.Rows = append(paper.Rows, Row{b.words("吊销原因", "Revoked because"), l.Revocation.Record.Reason})
	}
	return paper
}

// inForce says in words whether a licence is in force on the day the page is read.
func (b *builder) inForce(l index.Licence) (good, bad string) {
	today := b.s.Facts.Today
	switch {
	case l.Revocation != nil && l.Revocation.Record.From <= today:
		return "", b.words("已吊销", "revoked")
	case today > l.Record.ValidTo:
		return "", b.words("已过期", "expired")
	case today < l.Record.ValidFrom:
		return "", b.words("尚未生效", "not yet in force")
	}
	return b.words("有效", "in force"), ""
}

func (b *builder) origin() {
	lot := b.s.Lot
	b.sign(b.recordKind(state.KindBatch), lot.Batch.Provenance)
	add := func(zh, en, value string) {
		if value != "" {
			b.v.Origin = append(b.v.Origin, Row{b.words(zh, en), value})
		}
	}
	add("产地", "Place", lot.Batch.Record.Place)
	add("北斗坐标", "Beidou position", degrees(lot.Batch.Record.Point))
	if lot.Plot != nil {
		b.sign(b.recordKind(state.KindPlot), lot.Plot.Provenance)
		add("地块", "Plot", lot.Plot.Record.Place+" · "+b.area(lot.Plot.Record.Area))
	}
	if lot.Made != 0 {
		if lot.Plot != nil {
			add("采收时间", "Harvested", Clock(lot.Made))
		} else {
			add("生产时间", "Produced", Clock(lot.Made))
		}
		add("批次数量", "Lot size", b.quantity(lot.Quantity))
	} else {
		add("预计采收", "Harvest planned", lot.Batch.Record.Planned.String())
	}
	if lot.Completion != nil {
		b.sign(b.recordKind(state.KindCompletion), lot.Completion.Provenance)
	}
	add("批号", "Lot", string(lot.ID.Lot))
}

// logShown is how many entries stand before the fold.
const logShown = 12

func (b *builder) log() {
	for _, a := range arrange(b.s.Lot.Log, typedProvenance[trace.LogEntry]) {
		r := a.record.Record
		step := Step{When: shortClock(r.At), What: b.activity(r.Activity), Note: r.Note}
		if r.Registration != "" {
			step.Measures = append(step.Measures, Row{b.words("农药登记号", "Registration"), r.Registration})
		}
		if r.Dose != "" {
			step.Measures = append(step.Measures, Row{b.words("用量", "Dose"), r.Dose})
		}
		if r.SafeFrom != 0 {
			step.Measures = append(step.Measures, Row{b.words("最早可采收", "Safe to harvest from"), r.SafeFrom.String()})
		}
		for _, m := range r.Measures {
			step.Measures = append(step.Measures, Row{m.Name, m.Value.String() + " " + m.Unit})
		}
		step.Files = b.files(b.words("影像", "Picture"), r.Media...)
		step.Stamp = withReason(b.sign(b.recordKind(state.FactLog), a.record.Provenance), a.corrects, r.Head)
		if a.record.Provenance.Party == b.s.Lot.Batch.Provenance.Party {
			step.Stamp.By = "" // the producer's own log: its name stands above
		}
		b.v.Log = append(b.v.Log, step)
	}
	b.v.LogShown = foldAfter(b.v.Log)
	b.v.Grown = b.s.Lot.Plot != nil
}

// foldAfter is how many steps stand before the fold: a correction is not folded away
// from what it corrects.
func foldAfter(log []Step) int {
	n := min(len(log), logShown)
	for n < len(log) && log[n].Stamp.Corrects != "" {
		n++
	}
	return n
}

func (b *builder) papers() {
	for _, a := range arrange(b.s.Lot.Certificates, typedProvenance[trace.ComplianceCertificate]) {
		r := a.record.Record
		bases := make([]string, len(r.Basis))
		for i, basis := range r.Basis {
			bases[i] = b.basis(basis)
		}
		b.v.Papers = append(b.v.Papers, Paper{
			Title: b.words("承诺达标合格证", "Compliance certificate"),
			Rows: []Row{
				{b.words("承诺依据", "Basis"), b.list(bases)},
				{b.words("开具日期", "Issued on"), r.IssuedOn.String()},
			},
			Files: b.files(b.words("合格证原件", "The certificate"), r.Document),
			Stamp: withReason(b.sign(b.recordKind(state.FactCertificate), a.record.Provenance), a.corrects, r.Head),
		})
	}
}

// licenceStanding is the producer's licence as the verdict line judged it.
func (b *builder) licenceStanding() (words, mark string) {
	switch b.s.Facts.Licence.Status {
	case rules.LicenceValid:
		return b.words("许可证有效", "licence valid"), ""
	case rules.LicenceExpired:
		return b.words("许可证当日未生效", "licence not in force on the day"), "bad"
	case rules.LicenceRevoked:
		return b.words("许可证已吊销", "licence revoked"), "bad"
	case rules.LicenceSuspended:
		return b.words("生产者已被暂停", "producer suspended"), "bad"
	}
	return b.words("许可证未显示", "licence not shown"), "bad"
}
