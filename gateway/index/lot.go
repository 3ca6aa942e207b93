package index

import (
	"cmp"
	"maps"
	"slices"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Lot gives a lot's whole story.
func (x *Index) Lot(id trace.LotID) (*Lot, bool, error) {
	var out *Lot
	err := x.read(func(s *story) (err error) {
		out, err = s.lot(id)
		return err
	})
	return out, out != nil, err
}

// lot reads a lot; nil when it is not on file.
func (s *story) lot(id trace.LotID) (*Lot, error) {
	batch, err := load[trace.Batch](s, state.BatchKey(id))
	if err != nil || batch == nil {
		return nil, err
	}
	l := &Lot{ID: id, Batch: *batch}
	s.name(batch.Record.Party)
	for _, m := range batch.Record.Materials {
		s.name(m.Supplier)
	}
	for _, part := range []func(*Lot) error{s.lotMade, s.lotFacts, s.lotSeason, s.lotGrowth, s.lotStanding, s.lotShipments, s.lotStreams, s.lotRelatives, s.lotParties} {
		if err := part(l); err != nil {
			return nil, err
		}
	}
	l.Version, err = s.version()
	return l, err
}

// lotMade reads what was made, when and of what product.
func (s *story) lotMade(l *Lot) (err error) {
	if l.Product, err = s.product(l.ID.GTIN); err != nil {
		return err
	}
	if l.Completion, err = load[trace.Completion](s, state.CompletionKey(l.ID)); err != nil {
		return err
	}
	l.Made, l.Quantity = l.Batch.Record.Made, l.Batch.Record.Quantity
	if l.Completion != nil {
		l.Made, l.Quantity = l.Completion.Record.Made, l.Completion.Record.Quantity
	}
	if l.Batch.Record.Plot == "" {
		return nil
	}
	l.Season = l.Batch.Record.Planned.Year()
	if l.Made != 0 {
		l.Season = l.Made.Date().Year()
	}
	l.Plot, err = load[trace.Plot](s, state.PlotKey(l.Batch.Record.Party, l.Batch.Record.Plot))
	return err
}

// lotFacts reads the facts of the lot itself.
func (s *story) lotFacts(l *Lot) error {
	of, err := s.factsOf(state.LotSubject(l.ID))
	if err != nil {
		return err
	}
	if err := s.logged(l, of); err != nil {
		return err
	}
	if l.Certificates, err = typedAll[trace.ComplianceCertificate](s, of[state.FactCertificate]); err != nil {
		return err
	}
	if l.Reviews, err = typedAll[trace.Review](s, of[state.FactReview]); err != nil {
		return err
	}
	if l.Actions, err = s.actions(of); err != nil {
		return err
	}
	activations, err := typedAll[trace.PackActivation](s, of[state.FactActivation])
	if err != nil {
		return err
	}
	for _, a := range activations {
		pack, err := s.pack(a.Record.Pack)
		if err != nil {
			return err
		}
		if pack != nil {
			l.Packs = append(l.Packs, *pack)
		}
	}
	return nil
}

// lotSeason reads the facts of the lot's plot in its season.
func (s *story) lotSeason(l *Lot) error {
	if l.Plot != nil {
		of, err := s.factsOf(state.PlotSubject(l.Batch.Record.Party, l.Batch.Record.Plot, l.Season))
		if err != nil {
			return err
		}
		if err := s.logged(l, of); err != nil {
			return err
		}
	}
	slices.SortStableFunc(l.Log, func(a, b Typed[trace.LogEntry]) int { return cmp.Compare(a.Record.At, b.Record.At) })
	slices.SortFunc(l.Inspections, func(a, b Inspection) int { return provenanceOrder(a.Provenance, b.Provenance) })
	slices.SortFunc(l.Verdicts, func(a, b Verdict) int { return provenanceOrder(a.Provenance, b.Provenance) })
	return nil
}

// logged adds what a lot and its plot's season have in common.
func (s *story) logged(l *Lot, of facts) error {
	log, err := typedAll[trace.LogEntry](s, of[state.FactLog])
	if err != nil {
		return err
	}
	inspections, err := s.inspections(of)
	if err != nil {
		return err
	}
	verdicts, err := s.verdicts(of)
	if err != nil {
		return err
	}
	l.Log = append(l.Log, log...)
	l.Inspections = append(l.Inspections, inspections...)
	l.Verdicts = append(l.Verdicts, verdicts...)
	return nil
}

// lotStanding reads whether the lot is recalled or delisted.
func (s *story) lotStanding(l *Lot) (err error) {
	if l.Recall, err = value[trace.Recall](s, state.RecallLotKey(l.ID)); err != nil {
		return err
	}
	l.Delisted, err = value[trace.Recall](s, state.DelistLotKey(l.ID))
	return err
}

func (s *story) lotShipments(l *Lot) error {
	shipments, err := linksFrom(s.from, edgeCarried, state.LotSubject(l.ID).ID)
	if err != nil {
		return err
	}
	for _, id := range shipments {
		head, err := s.shipmentHead(trace.ShipmentID(id))
		if err != nil {
			return err
		}
		if head != nil {
			l.Shipments = append(l.Shipments, *head)
		}
	}
	return nil
}

// lotRelatives reads what the lot was made from, and names what was made from it.
func (s *story) lotRelatives(l *Lot) error {
	for _, id := range l.Batch.Record.Ancestors {
		s.topic(state.LotSubject(id))
		r := Relative{ID: id}
		r.Direct = slices.ContainsFunc(l.Batch.Record.Inputs, func(in trace.Input) bool { return in.LotID == id })
		var err error
		if r.Batch, err = load[trace.Batch](s, state.BatchKey(id)); err != nil {
			return err
		}
		if r.Recall, err = value[trace.Recall](s, state.RecallLotKey(id)); err != nil {
			return err
		}
		if r.Failed, err = s.failures(id, r.Batch); err != nil {
			return err
		}
		if r.Batch != nil {
			for _, m := range r.Batch.Record.Materials {
				s.name(m.Supplier)
			}
		}
		l.Ancestors = append(l.Ancestors, r)
	}
	descendants, err := linksFrom(s.from, edgeDescendant, state.LotSubject(l.ID).ID)
	if err != nil {
		return err
	}
	for _, id := range descendants {
		if lot, ok := state.LotOf(trace.Subject{Kind: trace.SubjectLot, ID: id}); ok {
			l.Descendants = append(l.Descendants, lot)
		}
	}
	return nil
}

// failures reads which inspections of a lot, and of its plot and season, failed and
// still stand. batch is nil where the chain does not hold it.
func (s *story) failures(id trace.LotID, batch *Typed[trace.Batch]) ([]trace.Key, error) {
	subjects := []trace.Subject{state.LotSubject(id)}
	if batch != nil && batch.Record.Plot != "" {
		made := batch.Record.Made
		completion, err := value[trace.Completion](s, state.CompletionKey(id))
		if err != nil {
			return nil, err
		}
		if completion != nil {
			made = completion.Made
		}
		subjects = append(subjects, state.PlotSubject(batch.Record.Party, batch.Record.Plot, made.Date().Year()))
	}
	var out []trace.Key
	for _, subject := range subjects {
		of, err := s.factsOf(subject)
		if err != nil {
			return nil, err
		}
		inspections, err := s.inspections(of)
		if err != nil {
			return nil, err
		}
		for _, i := range inspections {
			if i.Record.Judgement == trace.JudgedFail && !i.replaced() {
				out = append(out, i.Provenance.Key)
			}
		}
	}
	return out, nil
}

// replaced tells whether a later inspection, or a correction, took its place.
func (i *Inspection) replaced() bool {
	return len(i.SupersededBy) > 0 || len(i.Provenance.CorrectedBy) > 0
}

// lotParties reads every party named so far. Reading one names others (who admitted
// it), which are not followed: a regulator's own admission is not this lot's story.
func (s *story) lotParties(l *Lot) (err error) {
	l.Parties, err = s.partiesNamed()
	return err
}

func (s *story) partiesNamed() (map[trace.PartyID]*Party, error) {
	parties := map[trace.PartyID]*Party{}
	for _, id := range slices.Sorted(maps.Keys(s.named)) {
		p, err := s.party(id)
		if err != nil {
			return nil, err
		}
		if p != nil {
			parties[id] = p
		}
	}
	return parties, nil
}

// Producer is the party that registered the lot, nil when the registry lost it.
func (l *Lot) Producer() *Party { return l.Parties[l.Batch.Record.Party] }
