package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Verdict is the contract of monitors' rules and verdicts, and their review.
type Verdict struct{ subject }

// PublishRule puts a version of a monitor's rule on file.
func (v *Verdict) PublishRule(ctx *Context, argument string) (string, error) {
	return submit(ctx, v.methods["PublishRule"], argument, func(s *submission, request *trace.PublishRuleRequest) (any, error) {
		if err := rules.CheckRule(request); err != nil {
			return nil, err
		}
		if err := s.natural(state.RuleKey(request.Monitor, request.Version)); err != nil {
			return nil, err
		}
		return &trace.MonitorRule{Monitor: request.Monitor, Version: request.Version, Description: request.Description, Content: request.Content}, nil
	})
}

// Give records a verdict. Its id derives from what was looked at and found, and the
// claimed time is no part of its content: a monitor that looks again finds its verdict
// on the chain.
func (v *Verdict) Give(ctx *Context, argument string) (string, error) {
	return submit(ctx, v.methods["Give"], argument, func(s *submission, request *trace.GiveVerdictRequest) (any, error) {
		if err := rules.CheckVerdict(request); err != nil {
			return nil, err
		}
		if err := s.claim(request.Claimed); err != nil {
			return nil, err
		}
		content := *request
		content.Claimed = 0
		var err error
		if s.digest, err = trace.RequestDigest(content); err != nil {
			return nil, err
		}
		if err := s.factWithID(request.Subject, state.FactVerdict, rules.VerdictID(request)); err != nil {
			return nil, err
		}
		rule, err := state.GetRule(s.Ledger, request.Monitor, request.Version)
		if err != nil {
			return nil, err
		}
		if err := rules.MayGive(request, rule, s.Caller.Party); err != nil {
			return nil, err
		}
		if err := firstOf(s.onChain("evidence", request.Evidence, trace.CodeNotFound), s.observed(request)); err != nil {
			return nil, err
		}
		return &trace.Verdict{
			Monitor: request.Monitor, Version: request.Version, Subject: request.Subject,
			Finding: request.Finding, Level: request.Level, Text: request.Text, TextEnglish: request.TextEnglish,
			Input: request.Input, Evidence: request.Evidence, Files: request.Files, ConfidenceBP: request.ConfidenceBP,
			Observed: request.Observed, Host: request.Host, Utterance: request.Utterance,
		}, nil
	})
}

// observed checks what only a verdict on a stream has: when, who, and in which utterance.
func (s *submission) observed(r *trace.GiveVerdictRequest) error {
	if r.Subject.Kind != trace.SubjectStream {
		return rules.NotOnStream(r)
	}
	broadcast, err := s.broadcast(trace.StreamID(r.Subject.ID))
	if err != nil {
		return err
	}
	var run *trace.UtteranceRun
	if r.Utterance > 0 {
		if run, err = state.GetUtteranceRun(s.Ledger, r.Evidence[0]); err != nil {
			return err
		}
	}
	return rules.VerdictOnStream(r, broadcast, run, s.Now)
}

// Review confirms or overturns a verdict, once: the review has the verdict's id.
func (v *Verdict) Review(ctx *Context, argument string) (string, error) {
	return submit(ctx, v.methods["Review"], argument, func(s *submission, request *trace.ReviewVerdictRequest) (any, error) {
		if err := s.final("the review of a verdict"); err != nil {
			return nil, err
		}
		fact, ok := state.ParseFactKey(request.Verdict)
		if !ok || fact.Kind != state.FactVerdict {
			return nil, trace.Errorf(trace.CodeInvalid, "verdict %q is not the key of a verdict", request.Verdict)
		}
		if err := s.factWithID(fact.Subject, state.FactVerdictReview, trace.FactID(fact.ID)); err != nil {
			return nil, err
		}
		verdict, err := state.GetVerdict(s.Ledger, request.Verdict)
		if err != nil {
			return nil, err
		}
		if err := rules.ReviewVerdict(request, verdict, s.Caller.Party); err != nil {
			return nil, err
		}
		s.Result = string(request.Outcome)
		return &trace.VerdictReview{Verdict: request.Verdict, Subject: verdict.Subject, Outcome: request.Outcome, Reason: request.Reason}, nil
	})
}

// onChain refuses keys that name no record on the chain.
func (s *submission) onChain(name string, keys []trace.Key, code trace.Code) error {
	for i, key := range keys {
		exists, err := state.Exists(s.Ledger, key)
		if err != nil {
			return err
		}
		if !exists {
			return trace.Errorf(code, "%s[%d]: there is no record %q", name, i, key)
		}
	}
	return nil
}
