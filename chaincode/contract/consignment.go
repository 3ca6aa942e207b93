package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Consign is the holder's word that a carrier may take its goods, for Dispatch and
// Handover to find by a point read.
func (t *Transit) Consign(ctx *Context, argument string) (string, error) {
	return submit(ctx, t.methods["Consign"], argument, func(s *submission, r *trace.ConsignRequest) (any, error) {
		if err := firstOf(rules.CheckConsignment(r, s.Caller.Party), s.final("a consignment")); err != nil {
			return nil, err
		}
		if err := s.fact(state.ShipmentSubject(r.Shipment), state.FactConsignment); err != nil {
			return nil, err
		}
		facts := rules.ConsignmentFacts{By: s.Caller.Party, Today: s.Today}
		var err error
		if facts.Carrier, err = s.supplier(trace.Material{Supplier: r.Carrier}); err != nil {
			return nil, err
		}
		if facts.Shipment, err = state.GetShipmentStatus(s.Ledger, r.Shipment); err != nil {
			return nil, err
		}
		if err := rules.MayConsign(r, facts); err != nil {
			return nil, err
		}
		for _, lot := range r.Lots {
			if _, err := s.registered(lot); err != nil {
				return nil, err
			}
		}
		s.put(state.ConsignmentStatusKey(r.Shipment, s.Caller.Party), trace.ConsignmentStatus{
			Record: s.key, Carrier: r.Carrier, Consignee: r.Consignee, Lots: r.Lots, Loads: r.Loads,
		})
		return &trace.Consignment{Shipment: r.Shipment, Carrier: r.Carrier, Consignee: r.Consignee, Lots: r.Lots, Loads: r.Loads}, nil
	})
}

// consignedTo finds the holder's word behind a dispatch and uses it up. A carrier that
// holds the goods itself needs nobody's.
func (s *submission) consignedTo(r *trace.DispatchRequest, loads []rules.OpenedLoad, cargo rules.Cargo) (trace.Key, error) {
	if r.From == s.Caller.Party {
		return "", nil
	}
	return s.consignment(r.Shipment, r.From, func(word *trace.ConsignmentStatus) (trace.ConsignmentStatus, error) {
		return rules.DispatchConsigned(r, s.Caller.Party, word, loads, cargo)
	})
}

// passedOn finds the word of the carrier who gives an open shipment, and uses it up.
func (s *submission) passedOn(r *trace.HandoverRequest) (trace.Key, error) {
	return s.consignment(r.Shipment, r.Giver, func(word *trace.ConsignmentStatus) (trace.ConsignmentStatus, error) {
		return rules.HandoverConsigned(r, s.Caller.Party, word)
	})
}

func (s *submission) consignment(id trace.ShipmentID, consignor trace.PartyID, take func(*trace.ConsignmentStatus) (trace.ConsignmentStatus, error)) (trace.Key, error) {
	word, err := state.GetConsignmentStatus(s.Ledger, id, consignor)
	if err != nil {
		return "", err
	}
	used, err := take(word)
	if err != nil {
		return "", err
	}
	s.put(state.ConsignmentStatusKey(id, consignor), used)
	return used.Record, nil
}
