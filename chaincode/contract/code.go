package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Code is the contract of code packs: issued, bound to a lot once, frozen and
// unfrozen, void for ever.
type Code struct{ subject }

// IssuePack puts a pack's count and Merkle root on the chain; its codes may be printed
// before anybody knows their lot.
func (c *Code) IssuePack(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["IssuePack"], argument, func(s *submission, r *trace.IssuePackRequest) (any, error) {
		if err := rules.CheckPack(r); err != nil {
			return nil, err
		}
		if err := s.natural(state.CodePackKey(r.Pack)); err != nil {
			return nil, err
		}
		s.put(state.PackStatusKey(r.Pack), trace.PackStatus{State: trace.PackIssued, Count: r.Count, Owner: s.Caller.Party})
		return &trace.CodePack{Count: r.Count, Root: r.Root, LeafFile: r.LeafFile}, nil
	})
}

// ActivatePack binds a pack to a lot. Custody of its items begins with the producer.
func (c *Code) ActivatePack(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["ActivatePack"], argument, func(s *submission, r *trace.ActivatePackRequest) (any, error) {
		if err := firstOf(r.Pack.Validate(), r.LotID.Validate(), s.final("the binding of a pack")); err != nil {
			return nil, err
		}
		if err := s.fact(state.LotSubject(r.LotID), state.FactActivation); err != nil {
			return nil, err
		}
		status, err := state.GetPackStatus(s.Ledger, r.Pack)
		if err != nil {
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
		bound, err := state.GetBatchCodes(s.Ledger, r.LotID)
		if err != nil {
			return nil, err
		}
		next, bound, err := rules.ActivatePack(r, s.Caller.Party, status, lot, product, bound)
		if err != nil {
			return nil, err
		}
		taken, err := state.GetBatchInputs(s.Ledger, r.LotID)
		if err != nil {
			return nil, err
		}
		if err := firstOf(rules.UsedOnce(lot, product, bound, taken, trace.CodeTooManyCodes), s.lineNotRecalled(lot.Batch)); err != nil {
			return nil, err
		}
		s.put(state.PackStatusKey(r.Pack), next)
		s.put(state.BatchCodesKey(r.LotID), bound)
		s.put(state.PackCustodyKey(r.Pack), rules.FirstCustody(next.Count, s.Caller.Party, r.Claimed))
		return &trace.PackActivation{LotID: r.LotID, Pack: r.Pack, Count: next.Count}, nil
	})
}

// ChangePack freezes, unfreezes or voids a pack, with a public reason.
func (c *Code) ChangePack(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["ChangePack"], argument, func(s *submission, r *trace.ChangePackRequest) (any, error) {
		if err := firstOf(r.Pack.Validate(), s.final("a change of a pack's state")); err != nil {
			return nil, err
		}
		if err := s.fact(state.PackSubject(r.Pack), state.FactPackChange); err != nil {
			return nil, err
		}
		status, err := state.GetPackStatus(s.Ledger, r.Pack)
		if err != nil {
			return nil, err
		}
		next, err := rules.ChangePack(r, s.Caller.Party, s.Caller.Role, status)
		if err != nil {
			return nil, err
		}
		s.put(state.PackStatusKey(r.Pack), next)
		return &trace.PackChange{Pack: r.Pack, From: status.State, To: next.State, Reason: r.Reason}, nil
	})
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
