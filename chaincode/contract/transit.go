package contract

import (
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Transit is the contract of logistic units, shipments and their custody, and of
// devices and their readings (segment.go).
type Transit struct{ subject }

// PackUnit packs item codes into a logistic unit: their custody goes from the packer
// to the unit, the unit's to the packer.
func (t *Transit) PackUnit(ctx *Context, argument string) (string, error) {
	return submit(ctx, t.methods["PackUnit"], argument, func(s *submission, request *trace.PackUnitRequest) (any, error) {
		if err := rules.CheckPackUnit(request); err != nil {
			return nil, err
		}
		if err := s.natural(state.UnitKey(request.SSCC)); err != nil {
			return nil, err
		}
		if err := s.mayUseKey("SSCC", string(request.SSCC)); err != nil {
			return nil, err
		}
		cargo, err := s.cargo(request.Codes)
		if err != nil {
			return nil, err
		}
		if err := rules.MayTravel(request.Codes, cargo, request.Claimed); err != nil {
			return nil, err
		}
		packer := trace.CustodyHolder{Party: s.Caller.Party, Since: request.Claimed}
		if err := s.moveCodes(request.Codes, packer, trace.CustodyHolder{SSCC: request.SSCC, Since: request.Claimed}); err != nil {
			return nil, err
		}
		s.put(state.UnitCustodyKey(request.SSCC), trace.UnitCustody{Holder: packer})
		return &trace.LogisticUnit{Codes: rules.SortedRanges(request.Codes), Lots: lotsOf(cargo)}, nil
	})
}

// Dispatch opens a shipment: the carrier takes custody of what the giver holds.
func (t *Transit) Dispatch(ctx *Context, argument string) (string, error) {
	return submit(ctx, t.methods["Dispatch"], argument, func(s *submission, request *trace.DispatchRequest) (any, error) {
		if err := rules.CheckDispatch(request); err != nil {
			return nil, err
		}
		if err := s.natural(state.ShipmentKey(request.Shipment)); err != nil {
			return nil, err
		}
		if err := s.mayDispatch(request); err != nil {
			return nil, err
		}
		opened, codes, err := s.travelling(request.Loads)
		if err != nil {
			return nil, err
		}
		cargo, err := s.cargo(codes)
		if err != nil {
			return nil, err
		}
		if err := rules.MayTravel(codes, cargo, request.Departed); err != nil {
			return nil, err
		}
		terms, err := rules.StrictestTerms(cargo.Lots)
		if err != nil {
			return nil, err
		}
		categories := rules.CategoriesOf(cargo.Lots)
		if err := s.mayCarry(categories, request.Departed); err != nil {
			return nil, err
		}
		giver := trace.CustodyHolder{Party: request.From}
		if err := s.moveLoads(request.Loads, giver, trace.CustodyHolder{Shipment: request.Shipment, Since: request.Departed}); err != nil {
			return nil, err
		}
		consignment, err := s.consignedTo(request, opened, cargo)
		if err != nil {
			return nil, err
		}
		s.put(state.ShipmentStatusKey(request.Shipment), trace.ShipmentStatus{
			Open: true, Carrier: s.Caller.Party, Carriers: []trace.PartyID{s.Caller.Party},
			Since: request.Departed, Departed: request.Departed,
		})
		return &trace.Shipment{
			Loads: request.Loads, From: request.From, Consignee: request.Consignee,
			Origin: request.Origin, Target: request.Target, Departed: request.Departed,
			Vehicle: request.Vehicle, Drivers: request.Drivers, Lots: lotsOf(cargo), Codes: codes,
			Categories: categories, Consignment: consignment,
			Range: terms.Range, DefrostSeconds: terms.DefrostSeconds, GapSeconds: terms.GapSeconds,
		}, nil
	})
}

// mayDispatch checks the time, and who gets and who gives the goods: admitted and not
// suspended today. A word given before a suspension moves nothing after it.
func (s *submission) mayDispatch(r *trace.DispatchRequest) error {
	if err := rules.DepartedInTime(r.Departed, s.Now); err != nil {
		return err
	}
	for _, party := range []trace.PartyID{r.Consignee, r.From} {
		found, err := s.supplier(trace.Material{Supplier: party})
		if err != nil {
			return err
		}
		if err := rules.PartyMayAct(party, found.Party, found.Standing, s.Today); err != nil {
			return err
		}
	}
	return nil
}

// mayCarry checks the carrier's transport licences on the day.
func (s *submission) mayCarry(categories []trace.Category, at trace.Time) error {
	held, err := s.licences(s.Caller.Party)
	if err != nil {
		return err
	}
	return rules.MayCarry(s.Caller.Party, held, categories, at.Date())
}

// Handover passes a shipment to the next carrier, who signs. The loads stay in the
// shipment's custody; only its carrier changes.
func (t *Transit) Handover(ctx *Context, argument string) (string, error) {
	return submit(ctx, t.methods["Handover"], argument, func(s *submission, request *trace.HandoverRequest) (any, error) {
		status, err := s.step(request.Shipment, state.FactHandover, "a handover")
		if err != nil {
			return nil, err
		}
		next, err := rules.HandOver(request, status, s.Caller.Party, s.Now)
		if err != nil {
			return nil, err
		}
		shipment, err := state.GetShipment(s.Ledger, request.Shipment)
		if err != nil {
			return nil, err
		}
		if err := s.mayCarry(shipment.Categories, request.At); err != nil {
			return nil, err
		}
		consignment, err := s.passedOn(request)
		if err != nil {
			return nil, err
		}
		s.put(state.ShipmentStatusKey(request.Shipment), next)
		return &trace.Handover{Shipment: request.Shipment, Giver: request.Giver, At: request.At, Place: request.Place, Consignment: consignment}, nil
	})
}

// Arrive closes a shipment: its loads go into the consignee's custody.
func (t *Transit) Arrive(ctx *Context, argument string) (string, error) {
	return submit(ctx, t.methods["Arrive"], argument, func(s *submission, request *trace.ArriveRequest) (any, error) {
		status, err := s.step(request.Shipment, state.FactArrival, "an arrival")
		if err != nil {
			return nil, err
		}
		next, err := rules.ArriveAt(request, status, s.Caller.Party, s.Now)
		if err != nil {
			return nil, err
		}
		shipment, err := state.GetShipment(s.Ledger, request.Shipment)
		if err != nil {
			return nil, err
		}
		from := trace.CustodyHolder{Shipment: request.Shipment}
		if err := s.moveLoads(shipment.Loads, from, trace.CustodyHolder{Party: shipment.Consignee, Since: request.At}); err != nil {
			return nil, err
		}
		s.put(state.ShipmentStatusKey(request.Shipment), next)
		return &trace.Arrival{Shipment: request.Shipment, Consignee: shipment.Consignee, At: request.At, Place: request.Place, BadGoods: request.BadGoods}, nil
	})
}

// step prepares a fact of a shipment and loads where it stands.
func (s *submission) step(id trace.ShipmentID, kind, what string) (*trace.ShipmentStatus, error) {
	if err := s.final(what); err != nil {
		return nil, err
	}
	if err := s.fact(state.ShipmentSubject(id), kind); err != nil {
		return nil, err
	}
	return state.GetShipmentStatus(s.Ledger, id)
}

// travelling opens up the loads, each and together: every run of codes, in order.
func (s *submission) travelling(loads []trace.Load) ([]rules.OpenedLoad, []trace.CodeRange, error) {
	opened := make([]rules.OpenedLoad, 0, len(loads))
	var codes []trace.CodeRange
	for _, load := range loads {
		o := rules.OpenedLoad{Load: load}
		if load.SSCC == "" {
			o.Codes = []trace.CodeRange{*load.Codes}
		} else {
			unit, err := state.GetUnit(s.Ledger, load.SSCC)
			if err != nil {
				return nil, nil, err
			}
			if unit == nil {
				return nil, nil, trace.Errorf(trace.CodeNotFound, "logistic unit %s is not on the chain", load.SSCC)
			}
			o.Codes = unit.Codes
		}
		opened, codes = append(opened, o), append(codes, o.Codes...)
	}
	if len(codes) > rules.MaxTravelling {
		return nil, nil, trace.Errorf(trace.CodeTooLarge, "the shipment carries %d runs of codes, at most %d", len(codes), rules.MaxTravelling)
	}
	return opened, rules.SortedRanges(codes), nil
}

// cargo loads what is known of the packs and lots behind runs of codes, and refuses
// recalled lots.
func (s *submission) cargo(codes []trace.CodeRange) (rules.Cargo, error) {
	var cargo rules.Cargo
	var lots []trace.LotID
	for _, pack := range packsOf(codes) {
		status, err := state.GetPackStatus(s.Ledger, pack)
		if err != nil {
			return cargo, err
		}
		cargo.Packs = append(cargo.Packs, rules.LoadedPack{Pack: pack, Status: status})
		if status == nil || status.Lot == nil {
			continue // the rule refuses it
		}
		lots = append(lots, *status.Lot)
		recalled, err := s.recalledCodes(pack)
		if err != nil {
			return cargo, err
		}
		cargo.RecalledCodes = append(cargo.RecalledCodes, recalled...)
	}
	slices.SortFunc(lots, rules.CompareLots)
	for _, id := range slices.Compact(lots) {
		lot, err := s.registered(id)
		if err != nil {
			return cargo, err
		}
		if err := s.lineNotRecalled(lot.Batch); err != nil {
			return cargo, err
		}
		product, err := s.product(id.GTIN)
		if err != nil {
			return cargo, err
		}
		cargo.Lots = append(cargo.Lots, rules.LoadedLot{Lot: lot, Product: product})
	}
	return cargo, nil
}

func packsOf(codes []trace.CodeRange) []trace.PackID {
	packs := make([]trace.PackID, 0, len(codes))
	for _, r := range codes {
		packs = append(packs, r.Pack)
	}
	slices.Sort(packs)
	return slices.Compact(packs)
}

func lotsOf(cargo rules.Cargo) []trace.LotID {
	lots := make([]trace.LotID, 0, len(cargo.Lots))
	for _, l := range cargo.Lots {
		lots = append(lots, l.Batch.LotID)
	}
	return lots
}

// moveLoads moves loose codes and logistic units; the codes inside a unit stay with it.
func (s *submission) moveLoads(loads []trace.Load, from, to trace.CustodyHolder) error {
	for _, load := range loads {
		if load.SSCC == "" {
			continue
		}
		custody, err := state.GetUnitCustody(s.Ledger, load.SSCC)
		if err != nil {
			return err
		}
		moved, err := rules.MoveUnit(load.SSCC, custody, from, to)
		if err != nil {
			return err
		}
		s.put(state.UnitCustodyKey(load.SSCC), moved)
	}
	return s.moveCodes(rules.LoadedCodes(loads), from, to)
}

// moveCodes moves runs of codes, each pack's custody read and written once.
func (s *submission) moveCodes(codes []trace.CodeRange, from, to trace.CustodyHolder) error {
	sorted := rules.SortedRanges(codes)
	for _, pack := range packsOf(sorted) {
		custody, err := state.GetPackCustody(s.Ledger, pack)
		if err != nil {
			return err
		}
		if custody == nil {
			return trace.Errorf(trace.CodeCustody, "pack %s has no custody: it was never activated", pack)
		}
		next := *custody
		for _, r := range sorted {
			if r.Pack != pack {
				continue
			}
			if next, err = rules.MoveCodes(next, r, from, to); err != nil {
				return err
			}
		}
		s.put(state.PackCustodyKey(pack), next)
	}
	return nil
}
