package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Enforcement is the contract of recalls, delistings and reinstatements, and of the
// ladder on hosts in streams (ladder.go). What holds of
// a target is one key (state.ActionStateKey); every step is a fact beside it.
type Enforcement struct{ subject }

// TakeAction records an action and sets what holds of its target from now on.
func (e *Enforcement) TakeAction(ctx *Context, argument string) (string, error) {
	return submit(ctx, e.methods["TakeAction"], argument, func(s *submission, request *trace.TakeActionRequest) (any, error) {
		if err := rules.CheckAction(request, s.Caller.Role, s.Today); err != nil {
			return nil, err
		}
		if err := s.final("an action"); err != nil {
			return nil, err
		}
		if request.Kind.OnLadder() {
			return s.ladderAction(request)
		}
		if err := s.fact(actionSubject(request), state.FactAction); err != nil {
			return nil, err
		}
		facts, target, err := s.actionFacts(request)
		if err != nil {
			return nil, err
		}
		holds, err := rules.TakeAction(request, facts)
		if err != nil {
			return nil, err
		}
		s.put(target, holds)
		return &trace.Action{
			Kind: request.Kind, Lot: request.Lot, Codes: request.Codes, GTIN: request.GTIN,
			Basis: request.Basis, Causes: request.Causes, Reason: request.Reason,
			Undoes: request.Undoes, Rectification: request.Rectification, Inspection: request.Inspection, Review: request.Review,
		}, nil
	})
}

func actionSubject(r *trace.TakeActionRequest) trace.Subject {
	if r.Lot != nil {
		return state.LotSubject(*r.Lot)
	}
	return state.ProductSubject(r.GTIN)
}

// actionFacts loads what an action is decided by and the key it sets.
func (s *submission) actionFacts(r *trace.TakeActionRequest) (f rules.ActionFacts, target trace.Key, err error) {
	f = rules.ActionFacts{By: s.Caller.Party, Role: s.Caller.Role, Now: s.Now, Action: s.key}
	if err := s.actionTarget(r); err != nil {
		return f, "", err
	}
	if err := s.causes(r.Causes); err != nil {
		return f, "", err
	}
	if r.Codes != nil {
		if f.Pack, err = state.GetPackStatus(s.Ledger, r.Codes.Pack); err != nil {
			return f, "", err
		}
	}
	target = state.ActionStateKey(r.Kind, r.Lot, r.Codes, r.GTIN)
	if r.Kind == trace.ActionReinstate {
		if err := s.reinstatementFacts(r, &f); err != nil || f.Undone == nil {
			return f, "", err // the rule refuses an action that is not there
		}
		target = state.ActionStateKey(f.Undone.Kind, f.Undone.Lot, f.Undone.Codes, f.Undone.GTIN)
	}
	if f.Current, err = state.GetRecall(s.Ledger, target); err != nil || f.Current == nil {
		return f, target, err
	}
	current, err := state.GetAction(s.Ledger, f.Current.Action)
	if err != nil || current == nil {
		return f, target, err
	}
	f.CurrentBy = current.Role
	return f, target, nil
}

// actionTarget refuses an action on a lot or product that does not exist.
func (s *submission) actionTarget(r *trace.TakeActionRequest) error {
	if r.Lot != nil {
		_, err := s.registered(*r.Lot)
		return err
	}
	_, err := s.product(r.GTIN)
	return err
}

// causes refuses causes that are not on the chain, and verdicts that a reviewer
// overturned.
func (s *submission) causes(causes []trace.Key) error {
	if err := s.onChain("causes", causes, trace.CodeBasis); err != nil {
		return err
	}
	for i, key := range causes {
		review, err := state.GetVerdictReview(s.Ledger, key)
		if err != nil {
			return err
		}
		if review != nil && review.Outcome == trace.OutcomeOverturned {
			return trace.Errorf(trace.CodeBasis, "causes[%d]: verdict %s was overturned: %s", i, key, review.Reason)
		}
	}
	return nil
}

// reinstatementFacts loads the action to be undone and what was done since.
func (s *submission) reinstatementFacts(r *trace.TakeActionRequest, f *rules.ActionFacts) (err error) {
	if f.Undone, err = state.GetAction(s.Ledger, r.Undoes); err != nil {
		return err
	}
	if f.Inspection, err = state.GetInspection(s.Ledger, r.Inspection); err != nil {
		return err
	}
	if f.Inspection != nil {
		if f.SupersededBy, err = state.GetSupersededBy(s.Ledger, r.Inspection); err != nil {
			return err
		}
	}
	if f.Review, err = state.GetReview(s.Ledger, r.Review); err != nil || r.Lot == nil {
		return err
	}
	f.Levels, err = state.GetReviewLevels(s.Ledger, *r.Lot)
	return err
}
