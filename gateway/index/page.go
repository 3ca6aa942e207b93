package index

import (
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// Page reads what a page is drawn from: a lot's page with pack "", the page of one
// of its items otherwise. today is the civil day it is read on. False when the lot,
// or the item, is not on file.
func (x *Index) Page(id trace.LotID, pack trace.PackID, item int64, today trace.Date) (*Page, bool, error) {
	var out *Page
	err := x.read(func(s *story) error {
		l, err := s.lot(id)
		if err != nil || l == nil {
			return err
		}
		p := &Page{Lot: l}
		if pack != "" {
			if p.Journey, err = s.journey(l, pack, item); err != nil || p.Journey == nil {
				return err
			}
			p.Facts = l.facts(p.Journey, p.Journey.Legs, today)
		} else {
			legs, err := s.allLegs(l)
			if err != nil {
				return err
			}
			p.Facts = l.facts(nil, legs, today)
		}
		out = p
		return nil
	})
	return out, out != nil, err
}

// PageFacts reads what the rule of the verdict line looks at; see Page.
func (x *Index) PageFacts(id trace.LotID, pack trace.PackID, item int64, today trace.Date) (rules.PageFacts, bool, error) {
	p, found, err := x.Page(id, pack, item, today)
	if !found {
		return rules.PageFacts{}, false, err
	}
	return p.Facts, true, nil
}

func (s *story) allLegs(l *Lot) ([]Leg, error) {
	var legs []Leg
	for i := range l.Shipments {
		leg, err := s.leg(&l.Shipments[i])
		if err != nil {
			return nil, err
		}
		legs = append(legs, leg)
	}
	return legs, nil
}

// facts folds a story into the plain values of the verdict line. journey is nil on a
// lot's page; legs are the shipments that the page shows.
func (l *Lot) facts(journey *Journey, legs []Leg, today trace.Date) rules.PageFacts {
	f := rules.PageFacts{
		Lot: l.ID, Today: today, Batch: l.Batch.Provenance.Key, Harvested: l.Made != 0,
		Licence: l.licenceFacts(today),
	}
	if p := l.Product; p != nil {
		f.HighRisk = p.Record.HighRisk
		f.CertificateRequired = rules.CertificateRequired(p.Record.Category)
		f.Journey.ColdChain = p.Record.Transport != nil
		f.Journey.ExcursionSeconds = p.Record.ExcursionSeconds
		if f.Harvested {
			f.Expires = l.Made.Date() + trace.Date(p.Record.ShelfLifeDays)
		}
		if p.Delisted != nil && p.Delisted.Active {
			f.Delistings = append(f.Delistings, rules.ActionFact{Product: true, Action: p.Delisted.Action})
		}
	}
	if l.Delisted != nil && l.Delisted.Active {
		f.Delistings = append(f.Delistings, rules.ActionFact{Action: l.Delisted.Action})
	}
	if n := len(l.Certificates); n > 0 {
		f.Certificate = l.Certificates[n-1].Provenance.Key // a correction comes after what it corrects
	}
	for _, i := range l.Inspections {
		f.Inspections = append(f.Inspections, rules.InspectionFact{
			Key: i.Provenance.Key, Sample: i.Record.Sample, Judgement: i.Record.Judgement,
			Superseded: i.replaced(),
		})
	}
	for _, a := range l.Ancestors {
		for _, failed := range a.Failed {
			f.FailedAncestors = append(f.FailedAncestors, rules.AncestorFact{Lot: a.ID, Inspection: failed})
		}
	}
	for _, r := range l.Reviews {
		f.Reviews = append(f.Reviews, rules.ReviewFact{
			Key: r.Provenance.Key, Level: r.Record.Level, Pass: r.Record.Pass, Corrected: len(r.Provenance.CorrectedBy) > 0,
		})
	}
	l.journeyFacts(&f, journey, legs)
	f.Recalls = l.recallFacts(journey)
	f.Verdicts = l.verdictFacts(journey, legs)
	return f
}

// licenceFacts judges the licence the contract found when the lot was registered, on
// the day that counts for this lot.
func (l *Lot) licenceFacts(today trace.Date) rules.LicenceFacts {
	producer := l.Producer()
	if producer == nil {
		return rules.LicenceFacts{}
	}
	licence := producer.Licence(l.Batch.Record.Licence)
	if licence == nil {
		return rules.LicenceFacts{}
	}
	day := today
	if l.Made != 0 {
		day = l.Made.Date()
	}
	out := rules.LicenceFacts{Status: rules.LicenceValid, Number: licence.Record.Number, Keys: []trace.Key{licence.Provenance.Key}}
	switch {
	case producer.Suspended():
		out.Status = rules.LicenceSuspended
		out.Keys = append(out.Keys, producer.Standings[len(producer.Standings)-1].Provenance.Key)
	case licence.Revocation != nil && licence.Revocation.Record.From <= today:
		out.Status = rules.LicenceRevoked
		out.Keys = append(out.Keys, licence.Revocation.Provenance.Key)
	case day < licence.Record.ValidFrom || day > licence.Record.ValidTo:
		out.Status = rules.LicenceExpired
	}
	return out
}

// recallFacts lists the active recalls of the lot, of an ancestor, and of codes: on
// an item's page those that hold this item.
func (l *Lot) recallFacts(journey *Journey) []rules.RecallFact {
	var out []rules.RecallFact
	if l.Recall != nil && l.Recall.Active {
		out = append(out, rules.RecallFact{Lot: l.ID, Action: l.Recall.Action})
	}
	for _, a := range l.Ancestors {
		if a.Recall != nil && a.Recall.Active {
			out = append(out, rules.RecallFact{Lot: a.ID, Parent: true, Action: a.Recall.Action})
		}
	}
	for i := range l.Packs {
		for _, r := range l.Packs[i].Recalls {
			hit := journey == nil || journey.Pack == r.Codes.Pack && r.Codes.First <= journey.Item && journey.Item <= r.Codes.Last
			if r.Recall.Active && hit {
				codes := r.Codes
				out = append(out, rules.RecallFact{Lot: l.ID, Codes: &codes, Partial: journey == nil, Action: r.Recall.Action})
			}
		}
	}
	return out
}

// verdictFacts gathers, in chain order and each once, the verdicts on everything the
// page shows.
func (l *Lot) verdictFacts(journey *Journey, legs []Leg) []rules.VerdictFact {
	all := slices.Clone(l.Verdicts)
	if l.Product != nil {
		all = append(all, l.Product.Verdicts...)
	}
	for i := range l.Packs {
		if journey == nil || l.Packs[i].ID == journey.Pack {
			all = append(all, l.Packs[i].Verdicts...)
		}
	}
	for i := range legs {
		all = append(all, legs[i].Verdicts...)
		all = append(all, legs[i].DeviceVerdicts...)
	}
	slices.SortFunc(all, func(a, b Verdict) int { return provenanceOrder(a.Provenance, b.Provenance) })
	all = slices.CompactFunc(all, func(a, b Verdict) bool { return a.Provenance.Key == b.Provenance.Key })
	out := make([]rules.VerdictFact, 0, len(all))
	for _, v := range all {
		out = append(out, rules.VerdictFact{
			Key: v.Provenance.Key, Finding: v.Record.Finding, Level: v.Record.Level,
			Text: v.Record.Text, TextEnglish: v.Record.TextEnglish, Overturned: v.Overturned(),
		})
	}
	return out
}

// journeyFacts says how custody reads and what the telemetry shows.
func (l *Lot) journeyFacts(f *rules.PageFacts, journey *Journey, legs []Leg) {
	for i := range legs {
		for _, step := range legs[i].steps() {
			f.Journey.Shipments = append(f.Journey.Shipments, step.by.Key)
		}
		f.Journey.Findings = append(f.Journey.Findings, legs[i].Findings)
	}
	if journey == nil {
		f.Journey.Custody = l.custody()
		return
	}
	f.Journey.Custody = custody(journey.Steps)
	pack := l.Pack(journey.Pack)
	f.Pack = &rules.PackFacts{Pack: pack.ID, Item: journey.Item, State: pack.Status.State, Reason: pack.Status.Reason}
	if pack.Activation != nil {
		f.Pack.Keys = append(f.Pack.Keys, pack.Activation.Provenance.Key)
	}
	for _, c := range pack.Changes {
		f.Pack.Keys = append(f.Pack.Keys, c.Provenance.Key)
	}
}

// custody reads the custody of all items of the lot: broken if it is for any,
// otherwise in transit if any is.
func (l *Lot) custody() rules.CustodyStatus {
	found := rules.CustodyStatus("")
	for i := range l.Packs {
		pack := &l.Packs[i]
		for _, run := range l.JourneyGroups(pack.ID) {
			t := l.travel(pack, run.First)
			switch status := custody(t.steps(l, pack)); status {
			case rules.CustodyBroken:
				return status
			case rules.CustodyInTransit:
				found = status
			case rules.CustodyUnbroken:
				if found == "" {
					found = status
				}
			}
		}
	}
	return found
}
