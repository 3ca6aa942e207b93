package rules

import "traceledger/chaincode/trace"

// CheckPack checks a pack of codes to be issued.
func CheckPack(r *trace.IssuePackRequest) error {
	if err := r.Pack.Validate(); err != nil {
		return err
	}
	if r.Count < 1 || r.Count > trace.MaxPackCount {
		return trace.Errorf(trace.CodeInvalid, "count %d must be 1 to %d", r.Count, trace.MaxPackCount)
	}
	if r.Root.IsZero() || r.LeafFile.IsZero() {
		return trace.Errorf(trace.CodeMissing, "root and leafFile are both needed")
	}
	return nil
}

// ActivatePack binds a pack to a lot: once, its owner's, to the owner's lot, and within
// the lot's items. It answers with the pack's new status and the lot's new balance.
// status is nil when the pack was never issued, lot.Batch when the lot was never
// registered.
func ActivatePack(r *trace.ActivatePackRequest, by trace.PartyID, status *trace.PackStatus, lot Lot, product *trace.Product, bound trace.BoundItems) (trace.PackStatus, trace.BoundItems, error) {
	refuse := func(code trace.Code, format string, args ...any) (trace.PackStatus, trace.BoundItems, error) {
		return trace.PackStatus{}, bound, trace.Errorf(code, format, args...)
	}
	if status == nil {
		return refuse(trace.CodeNotFound, "pack %s was never issued", r.Pack)
	}
	if status.Owner != by {
		return refuse(trace.CodeForbidden, "pack %s belongs to %s, not to %s", r.Pack, status.Owner, by)
	}
	if status.Lot != nil {
		return refuse(trace.CodeRebind, "pack %s is bound to lot %s, once and for all", r.Pack, *status.Lot)
	}
	if status.State != trace.PackIssued {
		return refuse(trace.CodeState, "pack %s is %s, must be %s", r.Pack, status.State, trace.PackIssued)
	}
	if err := ownLot(r.LotID, by, lot.Batch); err != nil {
		return trace.PackStatus{}, bound, err
	}
	if !lot.Complete() {
		return refuse(trace.CodeState, "lot %s is open for presale and has no quantity yet", r.LotID)
	}
	if r.Claimed+trace.ClockSkew < lot.Made() {
		return refuse(trace.CodeChronology, "claimed %s lies before lot %s was made, %s", r.Claimed, r.LotID, lot.Made())
	}
	items := ItemsOf(lot, product)
	if left := items - bound.Count; status.Count > left {
		return refuse(trace.CodeTooManyCodes, "%d codes: lot %s has %d items of %d %s, %d of them without a code",
			status.Count, r.LotID, items, product.NetContent.Amount, product.NetContent.Unit, max(left, 0))
	}
	next := *status
	id := r.LotID
	next.State, next.Lot = trace.PackActive, &id
	return next, trace.BoundItems{Count: bound.Count + status.Count}, nil
}

// UsedOnce refuses a lot whose goods would be used twice: with codes on them, and in
// other lots, where they could get codes again. Both balances are as they would be
// afterwards; code is what the refusal says.
func UsedOnce(lot Lot, product *trace.Product, bound trace.BoundItems, taken trace.TakenQuantity, code trace.Code) error {
	held := lot.Quantity()
	coded := bound.Count * product.NetContent.Amount // at most the lot's quantity, by ActivatePack
	if over := coded + taken.Amount - held.Amount; over > 0 {
		return trace.Errorf(code, "lot %s has %d %s: %d would carry codes and %d be in other lots or released, %d too many",
			lot.Batch.LotID, held.Amount, held.Unit, coded, taken.Amount, over)
	}
	return nil
}

// ItemsOf is how many whole items a complete lot has.
func ItemsOf(lot Lot, product *trace.Product) int64 {
	return lot.Quantity().Amount / product.NetContent.Amount
}

// ChangePack decides about freezing, unfreezing or voiding. Its owner may do each, the
// regulator too; what the regulator froze only the regulator may touch. Void is final.
// status is nil when the pack was never issued.
func ChangePack(r *trace.ChangePackRequest, by trace.PartyID, role trace.Role, status *trace.PackStatus) (trace.PackStatus, error) {
	if status == nil {
		return trace.PackStatus{}, trace.Errorf(trace.CodeNotFound, "pack %s was never issued", r.Pack)
	}
	regulator := role == trace.RoleRegulator
	if !regulator && status.Owner != by {
		return *status, trace.Errorf(trace.CodeForbidden, "pack %s belongs to %s, not to %s", r.Pack, status.Owner, by)
	}
	if err := trace.ValidText("reason", r.Reason, true, maxReason); err != nil {
		return *status, err
	}
	if status.State == trace.PackVoid {
		return *status, trace.Errorf(trace.CodeState, "pack %s is void for ever: %s", r.Pack, status.Reason)
	}
	if status.State == trace.PackFrozen && status.FrozenBy == trace.RoleRegulator && !regulator {
		return *status, trace.Errorf(trace.CodeForbidden, "pack %s was frozen by the regulator, who alone may change it", r.Pack)
	}
	next := *status
	next.Reason = r.Reason
	switch r.To {
	case trace.PackFrozen:
		if status.State != trace.PackFrozen {
			next.State, next.Before, next.FrozenBy = trace.PackFrozen, status.State, role
			break
		}
		if !regulator || status.FrozenBy == trace.RoleRegulator {
			return *status, trace.Errorf(trace.CodeState, "pack %s is frozen already", r.Pack)
		}
		next.FrozenBy = role // the regulator takes over its owner's freeze
	case trace.PackActive:
		if status.State != trace.PackFrozen {
			return *status, trace.Errorf(trace.CodeState, "pack %s is %s: only a frozen pack is unfrozen; an issued one is activated with its lot", r.Pack, status.State)
		}
		next.State, next.Before, next.FrozenBy = status.Before, "", ""
	case trace.PackVoid:
		next.State, next.Before, next.FrozenBy = trace.PackVoid, "", ""
	default:
		return *status, trace.Errorf(trace.CodeInvalid, "to %q must be %s, %s or %s", string(r.To), trace.PackFrozen, trace.PackActive, trace.PackVoid)
	}
	return next, nil
}

// FirstCustody is where custody of an activated pack begins: all items with its producer.
func FirstCustody(count int64, producer trace.PartyID, since trace.Time) trace.PackCustody {
	return trace.PackCustody{Spans: []trace.CustodySpan{
		{First: 1, Last: count, Holder: trace.CustodyHolder{Party: producer, Since: since}},
	}}
}
