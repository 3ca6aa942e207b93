package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Origin is the contract of where goods come from: products, plots, lots with their
// inputs, growth and production logs, and compliance certificates.
type Origin struct{ subject }

// RegisterProduct registers a trade item of an admitted producer with a licence in
// force that covers it, under a GTIN of the caller's own company prefix.
func (o *Origin) RegisterProduct(ctx *Context, argument string) (string, error) {
	return submit(ctx, o.methods["RegisterProduct"], argument, func(s *submission, r *trace.RegisterProductRequest) (any, error) {
		if err := rules.CheckProduct(r, s.Caller.Party, s.Caller.Role); err != nil {
			return nil, err
		}
		if err := s.natural(state.ProductKey(r.GTIN)); err != nil {
			return nil, err
		}
		if err := firstOf(s.makerOf(r), s.mayUseKey("GTIN", string(r.GTIN))); err != nil {
			return nil, err
		}
		return &trace.Product{
			GTIN: r.GTIN, Name: r.Name, NameEnglish: r.NameEnglish, Brand: r.Brand, Category: r.Category,
			Commodity: r.Commodity, NetContent: r.NetContent, LabelContent: r.LabelContent, Ingredients: r.Ingredients,
			LabelClaims: r.LabelClaims, FilingNumber: r.FilingNumber, LicenceNumber: r.LicenceNumber,
			Producer: r.Producer, Merchant: r.Merchant, Storage: r.Storage, Transport: r.Transport,
			DefrostSeconds: r.DefrostSeconds, GapSeconds: r.GapSeconds, ExcursionSeconds: r.ExcursionSeconds,
			ShelfLifeDays: r.ShelfLifeDays, HighRisk: r.HighRisk,
		}, nil
	})
}

// makerOf checks a product's producer, its licence, and the merchant where one is named.
func (s *submission) makerOf(r *trace.RegisterProductRequest) error {
	producer, err := s.supplier(trace.Material{Supplier: r.Producer, LicenceNumber: r.LicenceNumber})
	if err != nil {
		return err
	}
	if err := rules.CheckMaker(r, producer, s.Today); err != nil {
		return err
	}
	if r.Merchant == "" {
		return nil
	}
	merchant, err := s.supplier(trace.Material{Supplier: r.Merchant})
	if err != nil {
		return err
	}
	return rules.PartyMayAct(r.Merchant, merchant.Party, merchant.Standing, s.Today)
}

// RegisterPlot registers a farm's plot.
func (o *Origin) RegisterPlot(ctx *Context, argument string) (string, error) {
	return submit(ctx, o.methods["RegisterPlot"], argument, func(s *submission, r *trace.RegisterPlotRequest) (any, error) {
		if err := rules.CheckPlot(r); err != nil {
			return nil, err
		}
		if err := s.natural(state.PlotKey(s.Caller.Party, r.Plot)); err != nil {
			return nil, err
		}
		return &trace.Plot{Crop: r.Crop, Area: r.Area, Place: r.Place, Point: r.Point}, nil
	})
}

// RegisterBatch registers a lot: harvested from a plot, made from other lots and
// materials, or opened for presale.
func (o *Origin) RegisterBatch(ctx *Context, argument string) (string, error) {
	return submit(ctx, o.methods["RegisterBatch"], argument, func(s *submission, r *trace.RegisterBatchRequest) (any, error) {
		if err := r.LotID.Validate(); err != nil {
			return nil, err
		}
		if err := s.natural(state.BatchKey(r.LotID)); err != nil {
			return nil, err
		}
		product, err := s.product(r.GTIN)
		if err != nil {
			return nil, err
		}
		if err := rules.CheckBatch(r, s.Caller.Party, s.Caller.Role, product); err != nil {
			return nil, err
		}
		licence, err := s.licence(product.Producer, product.LicenceNumber)
		if err != nil {
			return nil, err
		}
		batch := &trace.Batch{
			LotID: r.LotID, Place: r.Place, Point: r.Point, Plot: r.Plot, Presale: r.Presale, Planned: r.Planned,
			Made: r.Made, Quantity: r.Quantity, Inputs: r.Inputs, Materials: r.Materials, Licence: product.LicenceNumber,
		}
		if r.Presale {
			return batch, s.openPresale(r, product, licence)
		}
		if err := rules.MakeLot(r.Made, s.Now, product, licence); err != nil {
			return nil, err
		}
		if err := s.checkSuppliers(r.Materials, r.Made.Date()); err != nil {
			return nil, err
		}
		if r.Plot != "" {
			return batch, s.harvest(r.Plot, product, r.Made, r.Quantity)
		}
		batch.Ancestors, err = s.takeInputs(r, product)
		return batch, err
	}, func(r *trace.RegisterBatchRequest) []trace.Key {
		if r.LotID.Validate() != nil {
			return nil
		}
		return []trace.Key{state.BatchKey(r.LotID), state.ProductKey(r.GTIN)}
	})
}

func (s *submission) openPresale(r *trace.RegisterBatchRequest, product *trace.Product, licence rules.HeldLicence) error {
	var plot *trace.Plot
	var err error
	if r.Plot != "" {
		if plot, err = state.GetPlot(s.Ledger, s.Caller.Party, r.Plot); err != nil {
			return err
		}
	}
	if err := rules.OpenPresale(r, product, licence, plot, s.Today); err != nil {
		return err
	}
	return s.checkSuppliers(r.Materials, s.Today)
}

func (s *submission) checkSuppliers(materials []trace.Material, day trace.Date) error {
	for _, m := range materials {
		supplier, err := s.supplier(m)
		if err != nil {
			return err
		}
		if err := rules.CheckSupplier(m, supplier, day); err != nil {
			return err
		}
	}
	return nil
}

// harvest takes a lot's quantity out of its plot's season.
func (s *submission) harvest(plot trace.PlotID, product *trace.Product, made trace.Time, quantity trace.Quantity) error {
	year := made.Date().Year()
	facts, err := s.harvestFacts(plot, year)
	if err != nil {
		return err
	}
	season, err := rules.Harvest(plot, product, made, quantity, facts)
	if err != nil {
		return err
	}
	s.put(state.SeasonKey(s.Caller.Party, plot, year), season)
	return nil
}

// takeInputs takes the inputs out of their lots and gives the closure of ancestors,
// none of which may be recalled.
func (s *submission) takeInputs(r *trace.RegisterBatchRequest, product *trace.Product) ([]trace.LotID, error) {
	of := make([]*trace.Product, len(r.Inputs))
	for i, in := range r.Inputs {
		var err error
		if of[i], err = s.product(in.GTIN); err != nil {
			return nil, err
		}
	}
	if err := rules.WithinInputs(r, product, of); err != nil {
		return nil, err
	}
	parents := make([]*trace.Batch, 0, len(r.Inputs))
	for i, in := range r.Inputs {
		parent, err := s.lot(in.LotID)
		if err != nil {
			return nil, err
		}
		if parent.Batch == nil {
			return nil, trace.Errorf(trace.CodeNotFound, "input %s is not registered", in.LotID)
		}
		if err := s.notRecalled(in.LotID); err != nil {
			return nil, err
		}
		if err := s.takeInput(in, parent, of[i], r.Made); err != nil {
			return nil, err
		}
		parents = append(parents, parent.Batch)
	}
	ancestors, err := rules.Ancestors(parents)
	if err != nil {
		return nil, err
	}
	return ancestors, s.notRecalled(ancestors...)
}

// takeInput takes from the caller's own lot, or from what its producer released to the
// caller.
func (s *submission) takeInput(in trace.Input, parent rules.Lot, product *trace.Product, made trace.Time) error {
	if parent.Batch.Party == s.Caller.Party {
		taken, err := state.GetBatchInputs(s.Ledger, in.LotID)
		if err != nil {
			return err
		}
		if taken, err = rules.TakeInput(in, parent, taken, made); err != nil {
			return err
		}
		s.put(state.BatchInputsKey(in.LotID), taken)
		return s.usedOnce(parent, product, taken)
	}
	released, err := state.GetInputRelease(s.Ledger, in.LotID, s.Caller.Party)
	if err != nil {
		return err
	}
	if released, err = rules.TakeReleased(in, parent, s.Caller.Party, released, made); err != nil {
		return err
	}
	s.put(state.InputReleaseKey(in.LotID, s.Caller.Party), released)
	return nil
}

// usedOnce refuses to take goods out of a lot that carry codes.
func (s *submission) usedOnce(lot rules.Lot, product *trace.Product, taken trace.TakenQuantity) error {
	bound, err := state.GetBatchCodes(s.Ledger, lot.Batch.LotID)
	if err != nil {
		return err
	}
	return rules.UsedOnce(lot, product, bound, taken, trace.CodeInputs)
}

// ReleaseInput lets another producer use a quantity of the caller's lot as input.
func (o *Origin) ReleaseInput(ctx *Context, argument string) (string, error) {
	return submit(ctx, o.methods["ReleaseInput"], argument, func(s *submission, r *trace.ReleaseInputRequest) (any, error) {
		if err := firstOf(r.LotID.Validate(), r.Taker.Validate(), s.final("a release")); err != nil {
			return nil, err
		}
		if err := s.fact(state.LotSubject(r.LotID), state.FactRelease); err != nil {
			return nil, err
		}
		facts := rules.ReleaseFacts{By: s.Caller.Party, Today: s.Today}
		var err error
		if facts.Lot, err = s.registered(r.LotID); err != nil {
			return nil, err
		}
		if facts.Taker, err = s.supplier(trace.Material{Supplier: r.Taker}); err != nil {
			return nil, err
		}
		if facts.Taken, err = state.GetBatchInputs(s.Ledger, r.LotID); err != nil {
			return nil, err
		}
		if facts.Released, err = state.GetInputRelease(s.Ledger, r.LotID, r.Taker); err != nil {
			return nil, err
		}
		taken, released, err := rules.ReleaseInput(r, facts)
		if err != nil {
			return nil, err
		}
		product, err := s.product(r.GTIN)
		if err != nil {
			return nil, err
		}
		if err := firstOf(s.lineNotRecalled(facts.Lot.Batch), s.usedOnce(facts.Lot, product, taken)); err != nil {
			return nil, err
		}
		s.put(state.BatchInputsKey(r.LotID), taken)
		s.put(state.InputReleaseKey(r.LotID, r.Taker), released)
		return &trace.InputRelease{LotID: r.LotID, Taker: r.Taker, Quantity: r.Quantity}, nil
	})
}

// CompleteBatch gives a presale lot its harvest and quantity, once.
func (o *Origin) CompleteBatch(ctx *Context, argument string) (string, error) {
	return submit(ctx, o.methods["CompleteBatch"], argument, func(s *submission, r *trace.CompleteBatchRequest) (any, error) {
		if err := r.LotID.Validate(); err != nil {
			return nil, err
		}
		if err := s.natural(state.CompletionKey(r.LotID)); err != nil {
			return nil, err
		}
		batch, err := state.GetBatch(s.Ledger, r.LotID)
		if err != nil {
			return nil, err
		}
		product, err := s.product(r.GTIN)
		if err != nil {
			return nil, err
		}
		if err := rules.CompletePresale(r, s.Caller.Party, batch, product); err != nil {
			return nil, err
		}
		licence, err := s.licence(product.Producer, product.LicenceNumber)
		if err != nil {
			return nil, err
		}
		if err := rules.MakeLot(r.Made, s.Now, product, licence); err != nil {
			return nil, err
		}
		if err := s.lineNotRecalled(batch); err != nil {
			return nil, err
		}
		completion := &trace.Completion{LotID: r.LotID, Made: r.Made, Quantity: r.Quantity}
		if batch.Plot == "" {
			return completion, nil
		}
		return completion, s.harvest(batch.Plot, product, r.Made, r.Quantity)
	})
}

// AddLogEntry adds a step to the log of a plot's season or of a lot.
func (o *Origin) AddLogEntry(ctx *Context, argument string) (string, error) {
	return submit(ctx, o.methods["AddLogEntry"], argument, func(s *submission, r *trace.AddLogEntryRequest) (any, error) {
		if err := rules.CheckLogEntry(r, s.Now); err != nil {
			return nil, err
		}
		entry := &trace.LogEntry{
			Plot: r.Plot, Season: r.Season, Lot: r.Lot, Activity: r.Activity, At: r.At, Note: r.Note,
			Registration: r.Registration, Dose: r.Dose, Measures: r.Measures, Media: r.Media,
		}
		if r.Lot != nil {
			if err := s.fact(state.LotSubject(*r.Lot), state.FactLog); err != nil {
				return nil, err
			}
			lot, err := s.lot(*r.Lot)
			if err != nil {
				return nil, err
			}
			return entry, rules.LogOnLot(r, s.Caller.Party, lot)
		}
		if err := s.fact(state.PlotSubject(s.Caller.Party, r.Plot, r.Season), state.FactLog); err != nil {
			return nil, err
		}
		return entry, s.logOnPlot(r, entry)
	})
}

// logOnPlot judges growth: a spray and a harvest keep each other's distance.
func (s *submission) logOnPlot(r *trace.AddLogEntryRequest, entry *trace.LogEntry) error {
	plot, err := state.GetPlot(s.Ledger, s.Caller.Party, r.Plot)
	if err != nil {
		return err
	}
	if plot == nil {
		return trace.Errorf(trace.CodeNotFound, "plot %s is not registered by this producer", r.Plot)
	}
	var season trace.Season
	switch r.Activity {
	case trace.ActivitySpray:
		var facts rules.SprayFacts
		if facts, err = s.sprayFacts(r, plot.Crop); err != nil {
			return err
		}
		var interval *trace.Interval
		interval, entry.SafeFrom, season, err = rules.Spray(r, plot.Crop, facts)
		if err != nil {
			return err
		}
		entry.IntervalDays = interval.PreHarvestDays
	case trace.ActivityHarvest:
		facts := rules.HarvestFacts{Plot: plot}
		if facts.Before, facts.Season, facts.After, err = s.seasons(r.Plot, r.Season); err != nil {
			return err
		}
		if season, err = rules.HarvestLogged(r.At.Date(), facts); err != nil {
			return err
		}
	default:
		return nil
	}
	s.put(state.SeasonKey(s.Caller.Party, r.Plot, r.Season), season)
	return nil
}

func (s *submission) sprayFacts(r *trace.AddLogEntryRequest, crop string) (rules.SprayFacts, error) {
	var f rules.SprayFacts
	var err error
	if f.Intervals, err = state.GetIntervals(s.Ledger, r.Registration, crop); err != nil {
		return f, err
	}
	if f.Before, f.Season, f.After, err = s.seasons(r.Plot, r.Season); err != nil {
		return f, err
	}
	if r.Corrects != "" {
		f.Corrected, err = state.Get[trace.LogEntry](s.Ledger, r.Corrects)
	}
	return f, err
}

// IssueCertificate issues a lot's compliance certificate.
func (o *Origin) IssueCertificate(ctx *Context, argument string) (string, error) {
	return submit(ctx, o.methods["IssueCertificate"], argument, func(s *submission, r *trace.IssueCertificateRequest) (any, error) {
		if err := r.LotID.Validate(); err != nil {
			return nil, err
		}
		if err := s.fact(state.LotSubject(r.LotID), state.FactCertificate); err != nil {
			return nil, err
		}
		lot, err := s.lot(r.LotID)
		if err != nil {
			return nil, err
		}
		product, err := s.product(r.GTIN)
		if err != nil {
			return nil, err
		}
		if err := rules.IssueCertificate(r, s.Caller.Party, lot, product, s.Today); err != nil {
			return nil, err
		}
		return &trace.ComplianceCertificate{LotID: r.LotID, Basis: r.Basis, IssuedOn: r.IssuedOn, Document: r.Document}, nil
	})
}
