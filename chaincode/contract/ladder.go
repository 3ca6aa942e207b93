package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// ladderAction records a step of the ladder, or lowers it. It is found again by what it
// rests on: a runner that starts anew meets its step on the chain.
func (s *submission) ladderAction(r *trace.TakeActionRequest) (any, error) {
	content := *r
	content.Write = trace.Write{}
	var err error
	if s.digest, err = trace.RequestDigest(content); err != nil {
		return nil, err
	}
	if err := s.factWithID(state.StreamSubject(r.Stream), state.FactAction, rules.LadderID(r)); err != nil {
		return nil, err
	}
	broadcast, err := s.broadcast(r.Stream)
	if err != nil {
		return nil, err
	}
	ladder, err := s.ladder(r.Stream, r.Host)
	if err != nil {
		return nil, err
	}
	record := &trace.Action{
		Kind: r.Kind, Stream: r.Stream, Host: r.Host, Basis: r.Basis, Causes: r.Causes, Reason: r.Reason, Undoes: r.Undoes,
	}
	var next trace.LadderState
	if r.Kind == trace.ActionLower {
		next, err = s.lower(r, broadcast, ladder)
	} else {
		next, record.Rules, err = s.climb(r, broadcast, ladder)
	}
	if err != nil {
		return nil, err
	}
	record.Step = len(next.Steps)
	for _, p := range broadcast.Stream.Products {
		record.Listed = append(record.Listed, p.GTIN)
	}
	s.put(state.LadderKey(r.Stream, r.Host), next)
	return record, nil
}

// ladder loads where the ladder stands, and which of its causes were overturned.
func (s *submission) ladder(stream trace.StreamID, host trace.PartyID) (l rules.Ladder, err error) {
	if l.Versions, err = state.GetRulebooks(s.Ledger); err != nil {
		return l, err
	}
	if l.State, err = state.GetLadder(s.Ledger, stream, host); err != nil {
		return l, err
	}
	for _, c := range l.State.Causes {
		review, err := state.GetVerdictReview(s.Ledger, c.Verdict)
		if err != nil {
			return l, err
		}
		l.Overturned = append(l.Overturned, review != nil && review.Outcome == trace.OutcomeOverturned)
	}
	return l, nil
}

func (s *submission) climb(r *trace.TakeActionRequest, b rules.Broadcast, l rules.Ladder) (trace.LadderState, string, error) {
	f := rules.StepFacts{Ladder: l, Stream: b, Action: s.key, Now: s.Now}
	for _, key := range r.Causes {
		c := rules.StepCause{Key: key}
		var err error
		if c.Verdict, err = state.GetVerdict(s.Ledger, key); err != nil {
			return trace.LadderState{}, "", err
		}
		if c.Review, err = state.GetVerdictReview(s.Ledger, key); err != nil {
			return trace.LadderState{}, "", err
		}
		f.Causes = append(f.Causes, c)
	}
	next, book, err := rules.TakeStep(r, f)
	if err != nil {
		return next, "", err
	}
	return next, book.Version, nil
}

func (s *submission) lower(r *trace.TakeActionRequest, b rules.Broadcast, l rules.Ladder) (trace.LadderState, error) {
	f := rules.LowerFacts{Ladder: l, Stream: b, Action: s.key, Now: s.Now}
	for _, key := range r.Causes {
		review, err := state.GetReviewOf(s.Ledger, key)
		if err != nil {
			return trace.LadderState{}, err
		}
		f.Reviews = append(f.Reviews, review)
	}
	return rules.LowerLadder(r, f)
}
