package rules

import "traceledger/chaincode/trace"

// ReleaseFacts is what the chain knows when a lot is released as another's input.
type ReleaseFacts struct {
	By       trace.PartyID
	Today    trace.Date
	Lot      Lot // Batch nil when it was never registered
	Taker    Supplier
	Taken    trace.TakenQuantity
	Released trace.ReleasedQuantity // to this taker so far
}

// ReleaseInput takes a quantity out of the caller's own lot and keeps it for one other
// producer. It answers with both balances (docs/decisions/quantities.md).
func ReleaseInput(r *trace.ReleaseInputRequest, f ReleaseFacts) (trace.TakenQuantity, trace.ReleasedQuantity, error) {
	refuse := func(err error) (trace.TakenQuantity, trace.ReleasedQuantity, error) { return f.Taken, f.Released, err }
	if err := ownLot(r.LotID, f.By, f.Lot.Batch); err != nil {
		return refuse(err)
	}
	if r.Taker == f.By {
		return refuse(trace.Errorf(trace.CodeInvalid, "taker %s is the lot's producer, who needs no release", r.Taker))
	}
	if err := PartyMayAct(r.Taker, f.Taker.Party, f.Taker.Standing, f.Today); err != nil {
		return refuse(err)
	}
	if f.Taker.Party.Kind() != trace.ProducerMSP {
		return refuse(trace.Errorf(trace.CodeInvalid, "taker %s is admitted in %s, must be a farm, factory or processor", r.Taker, f.Taker.Party.Org))
	}
	if !f.Lot.Complete() {
		return refuse(trace.Errorf(trace.CodeState, "lot %s is open for presale and has no quantity yet", r.LotID))
	}
	if r.Claimed+trace.ClockSkew < f.Lot.Made() {
		return refuse(trace.Errorf(trace.CodeChronology, "claimed %s lies before lot %s was made, %s", r.Claimed, r.LotID, f.Lot.Made()))
	}
	if err := CheckQuantity("quantity", r.Quantity, f.Lot.Quantity().Unit); err != nil {
		return refuse(err)
	}
	taken, err := takeOut("lot "+r.LotID.String(), r.Quantity, f.Lot, f.Taken)
	if err != nil {
		return refuse(err)
	}
	return taken, trace.ReleasedQuantity{Released: f.Released.Released + r.Quantity.Amount, Taken: f.Released.Taken}, nil
}

// TakeReleased takes an input out of what another producer released to the taker and
// answers with the release's new balance.
func TakeReleased(in trace.Input, parent Lot, by trace.PartyID, released trace.ReleasedQuantity, made trace.Time) (trace.ReleasedQuantity, error) {
	if err := checkInput(in, parent, made); err != nil {
		return released, err
	}
	if released.Released == 0 {
		return released, trace.Errorf(trace.CodeForbidden, "input %s belongs to %s, who released none of it to %s", in.LotID, parent.Batch.Party, by)
	}
	left := released.Released - released.Taken
	if in.Quantity.Amount > left {
		return released, trace.Errorf(trace.CodeInputs, "input %s: %d %s wanted, %d of the %d that %s released to %s left",
			in.LotID, in.Quantity.Amount, in.Quantity.Unit, left, released.Released, parent.Batch.Party, by)
	}
	return trace.ReleasedQuantity{Released: released.Released, Taken: released.Taken + in.Quantity.Amount}, nil
}
