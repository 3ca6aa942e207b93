package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Inspection is the contract of what labs report about lots and plots, and of the
// reviews of a lot.
type Inspection struct{ subject }

// Report records an inspection with the contract's judgement of every item.
func (i *Inspection) Report(ctx *Context, argument string) (string, error) {
	return submit(ctx, i.methods["Report"], argument, func(s *submission, request *trace.ReportInspectionRequest) (any, error) {
		if err := rules.CheckInspection(request); err != nil {
			return nil, err
		}
		if err := s.fact(inspected(request), state.FactInspection); err != nil {
			return nil, err
		}
		facts, err := s.inspectionFacts(request)
		if err != nil {
			return nil, err
		}
		record, err := rules.JudgeInspection(request, facts)
		if err != nil {
			return nil, err
		}
		if replaced := rules.ReplacedInspection(request); replaced != "" {
			s.put(state.SupersededKey(replaced), trace.Supersession{By: s.key})
		}
		s.Result = string(record.Judgement)
		return record, nil
	})
}

// inspected is the subject of a report.
func inspected(r *trace.ReportInspectionRequest) trace.Subject {
	if r.Lot != nil {
		return state.LotSubject(*r.Lot)
	}
	return state.PlotSubject(r.Producer, r.Plot, r.Season)
}

// inspectionFacts loads what a report is judged by.
func (s *submission) inspectionFacts(r *trace.ReportInspectionRequest) (rules.InspectionFacts, error) {
	f := rules.InspectionFacts{Now: s.Now, Lab: s.Caller.Party}
	if err := s.inspectedFacts(r, &f); err != nil {
		return f, err
	}
	var err error
	if f.Accreditations, err = s.accreditations(s.Caller.Party); err != nil {
		return f, err
	}
	f.Limits = make([][]trace.Limit, len(r.Items))
	for i, item := range r.Items {
		if f.Limits[i], err = state.GetLimits(s.Ledger, f.Commodity, item.Substance); err != nil {
			return f, err
		}
	}
	if replaced := rules.ReplacedInspection(r); replaced != "" {
		if f.Superseded, err = state.GetInspection(s.Ledger, replaced); err != nil {
			return f, err
		}
		f.SupersededBy, err = state.GetSupersededBy(s.Ledger, replaced)
	}
	return f, err
}

// inspectedFacts loads the lot with its product, or the plot.
func (s *submission) inspectedFacts(r *trace.ReportInspectionRequest, f *rules.InspectionFacts) error {
	if r.Lot == nil {
		plot, err := state.GetPlot(s.Ledger, r.Producer, r.Plot)
		if err != nil {
			return err
		}
		if plot == nil {
			return trace.Errorf(trace.CodeNotFound, "plot %s of %s is not registered", r.Plot, r.Producer)
		}
		f.Producer, f.Commodity, f.Categories = r.Producer, plot.Crop, rules.CropCategories()
		return nil
	}
	lot, err := s.registered(*r.Lot)
	if err != nil {
		return err
	}
	product, err := s.product(r.Lot.GTIN)
	if err != nil {
		return err
	}
	f.Producer, f.Commodity, f.Categories = lot.Batch.Party, product.Commodity, []trace.Category{product.Category}
	f.Made = lot.Made()
	return nil
}

// registered loads a lot that must exist.
func (s *submission) registered(id trace.LotID) (rules.Lot, error) {
	lot, err := s.lot(id)
	if err == nil && lot.Batch == nil {
		err = trace.Errorf(trace.CodeNotFound, "lot %s is not registered", id)
	}
	return lot, err
}

// Review records a review of a lot; level 1 is computed here.
func (i *Inspection) Review(ctx *Context, argument string) (string, error) {
	return submit(ctx, i.methods["Review"], argument, func(s *submission, request *trace.ReviewRequest) (any, error) {
		if err := rules.CheckReview(request, s.Caller.Role); err != nil {
			return nil, err
		}
		if err := s.fact(state.LotSubject(request.LotID), state.FactReview); err != nil {
			return nil, err
		}
		facts, err := s.lotReviewFacts(request)
		if err != nil {
			return nil, err
		}
		record, err := rules.ReviewLot(request, facts)
		if err != nil {
			return nil, err
		}
		s.Result = string(trace.JudgedFail)
		levels := rules.WithFailed(facts.Levels, record.Level)
		if record.Pass {
			s.Result = string(trace.JudgedPass)
			levels = rules.WithPassed(facts.Levels, trace.PassedReview{Level: record.Level, Review: s.key, Inspection: record.Inspection, Recorded: s.Now})
		}
		s.put(state.ReviewLevelsKey(request.LotID), levels)
		return record, nil
	})
}

// lotReviewFacts loads what a review looks at.
func (s *submission) lotReviewFacts(r *trace.ReviewRequest) (rules.LotReviewFacts, error) {
	f := rules.LotReviewFacts{Reviewer: s.Caller.Party, Role: s.Caller.Role, Today: s.Today}
	lot, err := s.registered(r.LotID)
	if err != nil {
		return f, err
	}
	f.Batch, f.Made = lot.Batch, lot.Made()
	if f.Product, err = s.product(r.GTIN); err != nil {
		return f, err
	}
	if f.Levels, err = state.GetReviewLevels(s.Ledger, r.LotID); err != nil || r.Level == 3 {
		return f, err
	}
	if f.Inspection, err = state.GetInspection(s.Ledger, r.Inspection); err != nil || f.Inspection == nil {
		return f, err
	}
	if f.SupersededBy, err = state.GetSupersededBy(s.Ledger, r.Inspection); err != nil {
		return f, err
	}
	if r.Level == 2 {
		f.Accreditations, err = s.accreditations(s.Caller.Party)
		return f, err
	}
	held, err := s.licence(lot.Batch.Party, lot.Batch.Licence)
	f.Licence, f.Revocation = held.Licence, held.Revocation
	return f, err
}
