package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

// CheckConsignment checks the form of a carrier's appointment.
func CheckConsignment(r *trace.ConsignRequest, by trace.PartyID) error {
	if err := firstError(r.Shipment.Validate(), r.Carrier.Validate()); err != nil {
		return err
	}
	if r.Carrier == by {
		return trace.Errorf(trace.CodeInvalid, "carrier %s is the consignor itself, who needs no appointment to carry its own goods", by)
	}
	if r.Consignee != "" {
		if err := r.Consignee.Validate(); err != nil {
			return err
		}
	}
	if len(r.Lots) > maxLoads {
		return trace.Errorf(trace.CodeTooLarge, "lots has %d entries, at most %d", len(r.Lots), maxLoads)
	}
	for i, lot := range r.Lots {
		if err := lot.Validate(); err != nil {
			return err
		}
		if slices.Contains(r.Lots[:i], lot) {
			return trace.Errorf(trace.CodeInvalid, "lots[%d]: lot %s is given twice", i, lot)
		}
	}
	if len(r.Loads) == 0 {
		return nil
	}
	return checkLoads(r.Loads)
}

// ConsignmentFacts is what the chain knows when a carrier is appointed.
type ConsignmentFacts struct {
	By       trace.PartyID
	Today    trace.Date
	Carrier  Supplier
	Shipment *trace.ShipmentStatus // nil while it was not dispatched
}

// MayConsign decides whether a party may appoint a carrier whose request is checked.
// Whether it holds the goods is decided when they leave, item by item: the word is often
// written before the codes are, and gives away nothing but the consignor's own.
func MayConsign(r *trace.ConsignRequest, f ConsignmentFacts) error {
	if err := PartyMayAct(r.Carrier, f.Carrier.Party, f.Carrier.Standing, f.Today); err != nil {
		return err
	}
	if !slices.Contains(f.Carrier.Party.Roles, trace.RoleCarrier) {
		return trace.Errorf(trace.CodeInvalid, "carrier %s is admitted as %v, not as a carrier", r.Carrier, f.Carrier.Party.Roles)
	}
	if f.Shipment == nil {
		return consignsGoods(r, f.By)
	}
	switch {
	case !f.Shipment.Open:
		return trace.Errorf(trace.CodeState, "shipment %s arrived at %s", r.Shipment, f.Shipment.Arrived)
	case f.Shipment.Carrier != f.By:
		return trace.Errorf(trace.CodeCustody, "shipment %s is with %s, %s cannot appoint who takes it over", r.Shipment, f.Shipment.Carrier, f.By)
	case r.Consignee != "" || len(r.Lots)+len(r.Loads) > 0:
		return trace.Errorf(trace.CodeInvalid, "shipment %s is on its way and passes on whole, to its own consignee: consignee, lots and loads must be absent", r.Shipment)
	}
	return nil
}

// consignsGoods: goods that wait need to be named, with where they go.
func consignsGoods(r *trace.ConsignRequest, by trace.PartyID) error {
	if r.Consignee == "" && len(r.Lots)+len(r.Loads) == 0 {
		return trace.Errorf(trace.CodeNotFound, "shipment %s is not on the chain; to consign goods that wait, consignee and lots or loads must be given", r.Shipment)
	}
	if r.Consignee == "" {
		return trace.Errorf(trace.CodeMissing, "consignee is missing: shipment %s is not on its way, and its carrier must be told where it goes", r.Shipment)
	}
	if r.Consignee == by {
		return trace.Errorf(trace.CodeInvalid, "consignee %s is who holds the goods already", r.Consignee)
	}
	if len(r.Lots)+len(r.Loads) == 0 {
		return trace.Errorf(trace.CodeMissing, "lots and loads are missing: at least one must say what the carrier may take")
	}
	return nil
}

// OpenedLoad is a load with the runs of codes that travel in it.
type OpenedLoad struct {
	trace.Load
	Codes []trace.CodeRange
}

// DispatchConsigned decides whether the holder of the goods appointed the carrier to
// dispatch them to this consignee under this number, and answers with the word used up.
// word is nil when the holder said nothing.
func DispatchConsigned(r *trace.DispatchRequest, carrier trace.PartyID, word *trace.ConsignmentStatus, loads []OpenedLoad, cargo Cargo) (trace.ConsignmentStatus, error) {
	used, err := takeConsigned(r.Shipment, r.From, carrier, word)
	if err != nil {
		return used, err
	}
	if word.Consignee != r.Consignee {
		return used, trace.Errorf(trace.CodeConsignment, "%s consigned shipment %s to %s, not to %s", r.From, r.Shipment, word.Consignee, r.Consignee)
	}
	for i, load := range loads {
		if run, ok := outsideConsignment(load, word, cargo.Packs); !ok {
			if load.SSCC != "" {
				return used, trace.Errorf(trace.CodeConsignment, "loads[%d]: %s did not consign logistic unit %s, nor all the lots in it, under shipment %s", i, r.From, load.SSCC, r.Shipment)
			}
			return used, trace.Errorf(trace.CodeConsignment, "loads[%d]: %s did not consign items %d to %d of pack %s under shipment %s", i, r.From, run.First, run.Last, run.Pack, r.Shipment)
		}
	}
	return used, nil
}

// HandoverConsigned decides whether the carrier of an open shipment appointed who takes
// it over. What the same party said of goods before they were its shipment does not count.
func HandoverConsigned(r *trace.HandoverRequest, taker trace.PartyID, word *trace.ConsignmentStatus) (trace.ConsignmentStatus, error) {
	if word != nil && word.Consignee != "" {
		word = nil
	}
	return takeConsigned(r.Shipment, r.Giver, taker, word)
}

// takeConsigned decides whether a consignor's word stands and names the carrier, and
// answers with it used up.
func takeConsigned(id trace.ShipmentID, consignor, carrier trace.PartyID, word *trace.ConsignmentStatus) (trace.ConsignmentStatus, error) {
	if word == nil || word.Used {
		return trace.ConsignmentStatus{}, trace.Errorf(trace.CodeConsignment, "%s holds the goods and appointed no carrier for shipment %s: it does so first (transit:Consign)", consignor, id)
	}
	if word.Carrier != carrier {
		return *word, trace.Errorf(trace.CodeConsignment, "%s appointed %s for shipment %s, not %s", consignor, word.Carrier, id, carrier)
	}
	used := *word
	used.Used = true
	return used, nil
}

// outsideConsignment finds the first run of a load that the word does not name: as a
// logistic unit, as codes, or by its lot. ok: there is none.
func outsideConsignment(load OpenedLoad, word *trace.ConsignmentStatus, packs []LoadedPack) (trace.CodeRange, bool) {
	if load.SSCC != "" && slices.ContainsFunc(word.Loads, func(l trace.Load) bool { return l.SSCC == load.SSCC }) {
		return trace.CodeRange{}, true
	}
	var named []trace.CodeRange
	if load.SSCC == "" { // a unit moves as a whole: its codes do not open it
		named = SortedRanges(LoadedCodes(word.Loads))
	}
	for _, run := range load.Codes {
		if !lotConsigned(run.Pack, word.Lots, packs) && !covered(run, named) {
			return run, false
		}
	}
	return trace.CodeRange{}, true
}

func lotConsigned(pack trace.PackID, lots []trace.LotID, packs []LoadedPack) bool {
	for _, p := range packs {
		if p.Pack == pack {
			return p.Status != nil && p.Status.Lot != nil && slices.Contains(lots, *p.Status.Lot)
		}
	}
	return false
}

// covered tells whether sorted runs that do not overlap hold every item of a run.
func covered(run trace.CodeRange, named []trace.CodeRange) bool {
	next := run.First
	for _, n := range named {
		if n.Pack == run.Pack && n.First <= next && n.Last >= next {
			next = n.Last + 1
		}
	}
	return next > run.Last
}
