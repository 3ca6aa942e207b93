package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// kindOf finds the kind of an organisation. A founding one is its own, without a read; of
// one that joined later the admission and its end are read, so that a request endorsed
// before the end does not commit after it.
func (s *submission) kindOf(msp string) (string, error) {
	if trace.Founding(msp) {
		return msp, nil
	}
	joined, err := state.GetOrganisation(s.Ledger, msp)
	if err != nil {
		return "", err
	}
	end, err := state.GetOrganisationEnd(s.Ledger, msp)
	if err != nil {
		return "", err
	}
	return rules.KindOf(msp, joined, end, s.Today)
}

// lot loads a lot with its completion. Batch is nil when it was never registered.
func (s *submission) lot(id trace.LotID) (rules.Lot, error) {
	batch, err := state.GetBatch(s.Ledger, id)
	if err != nil || batch == nil || !batch.Presale {
		return rules.Lot{Batch: batch}, err
	}
	completion, err := state.GetCompletion(s.Ledger, id)
	return rules.Lot{Batch: batch, Completion: completion}, err
}

// product loads a product that must exist.
func (s *submission) product(gtin trace.GTIN) (*trace.Product, error) {
	product, err := state.GetProduct(s.Ledger, gtin)
	if err == nil && product == nil {
		err = trace.Errorf(trace.CodeNotFound, "product %s is not registered", gtin)
	}
	return product, err
}

// licence loads a licence with its revocation.
func (s *submission) licence(holder trace.PartyID, number string) (rules.HeldLicence, error) {
	held := rules.HeldLicence{Number: number}
	err := s.ahead.fetch(state.LicenceKey(holder, number), state.RevocationKey(holder, number))
	if err != nil {
		return held, err
	}
	if held.Licence, err = state.GetLicence(s.Ledger, holder, number); err != nil || held.Licence == nil {
		return held, err
	}
	held.Revocation, err = state.GetRevocation(s.Ledger, holder, number)
	return held, err
}

// supplier loads what the registry knows of a material's supplier.
func (s *submission) supplier(m trace.Material) (rules.Supplier, error) {
	var found rules.Supplier
	var err error
	if found.Party, err = state.GetParty(s.Ledger, m.Supplier); err != nil {
		return found, err
	}
	if found.Standing, err = state.GetStanding(s.Ledger, m.Supplier); err != nil {
		return found, err
	}
	if m.LicenceNumber != "" {
		found.Licence, err = s.licence(m.Supplier, m.LicenceNumber)
	}
	return found, err
}

// harvestFacts loads what a harvest from the caller's plot is judged by.
func (s *submission) harvestFacts(plot trace.PlotID, season int) (rules.HarvestFacts, error) {
	var f rules.HarvestFacts
	var err error
	if f.Plot, err = state.GetPlot(s.Ledger, s.Caller.Party, plot); err != nil || f.Plot == nil {
		return f, err
	}
	if f.Ceilings, err = state.GetYieldCeilings(s.Ledger, f.Plot.Crop); err != nil {
		return f, err
	}
	f.Before, f.Season, f.After, err = s.seasons(plot, season)
	return f, err
}

func (s *submission) seasons(plot trace.PlotID, season int) (before, this, after trace.Season, err error) {
	for i, into := range []*trace.Season{&before, &this, &after} {
		if *into, err = state.GetSeason(s.Ledger, s.Caller.Party, plot, season-1+i); err != nil {
			return before, this, after, err
		}
	}
	return before, this, after, nil
}

// notRecalled refuses lots of which one is recalled.
func (s *submission) notRecalled(lots ...trace.LotID) error {
	recalls := make([]*trace.Recall, len(lots))
	for i, lot := range lots {
		var err error
		if recalls[i], err = state.GetRecallLot(s.Ledger, lot); err != nil {
			return err
		}
	}
	return rules.NotRecalled(lots, recalls)
}

// lineNotRecalled refuses a lot that is recalled itself or through an ancestor.
func (s *submission) lineNotRecalled(batch *trace.Batch) error {
	return s.notRecalled(append([]trace.LotID{batch.LotID}, batch.Ancestors...)...)
}
