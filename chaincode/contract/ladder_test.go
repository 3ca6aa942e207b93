package contract_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

func ladderOf(l *contracttest.Live) *trace.LadderState {
	return contracttest.Value[trace.LadderState](l.Ledger, state.LadderKey(l.Stream, l.Host.Party))
}

// The whole way up, down again after an overturned verdict, and up again.
func TestLadderOnTheLedger(t *testing.T) {
	l := startLive(t)
	v := []trace.Key{l.Violation(0), l.Violation(1), l.Violation(2), l.Violation(3), l.Violation(4)}
	first := l.StepRequest(trace.ActionHint, v[:3]...)
	hint := l.Operator.Must("enforcement:TakeAction", first).Record
	require.Equal(t, trace.ActionHint, contracttest.Value[trace.Action](l.Ledger, hint).Kind)
	// A runner that starts anew finds its step, whatever it calls the request.
	first.Write = l.Write()
	require.Equal(t, string(hint), lastWord(l.Operator.Refused(trace.CodeAlreadyRecorded, "enforcement:TakeAction", first).Message))
	l.Step(trace.ActionLimit, v[3])
	cut := l.Step(trace.ActionCut, v[4])
	action := contracttest.Value[trace.Action](l.Ledger, cut)
	require.Equal(t, 3, action.Step)
	require.Equal(t, "2026-1", action.Rules)
	require.Equal(t, []trace.GTIN{l.Product}, action.Listed)
	require.Len(t, ladderOf(l).Causes, 5)
	l.Operator.Refused(trace.CodeState, "enforcement:TakeAction", l.StepRequest(trace.ActionCut, l.Violation(5)))

	// Overturned: one step less, by the platform, naming the review.
	review := l.Overturn(v[1])
	l.Operator.Refused(trace.CodeState, "enforcement:TakeAction", l.LowerRequest(hint, review))
	l.Operator.Refused(trace.CodeBasis, "enforcement:TakeAction", l.LowerRequest(cut, v[1]))
	lower := l.LowerRequest(cut, review)
	l.Operator.Must("enforcement:TakeAction", lower)
	state := ladderOf(l)
	require.Len(t, state.Steps, 2)
	require.Len(t, state.Causes, 4)
	lower.Write = l.Write()
	l.Operator.Refused(trace.CodeAlreadyRecorded, "enforcement:TakeAction", lower)
	l.Operator.Refused(trace.CodeBasis, "enforcement:TakeAction", l.LowerRequest(state.Steps[1].Action, review))

	// The violation at the top was used by no step, and now carries one.
	l.Step(trace.ActionCut, l.VerdictKey(5))
	require.Len(t, ladderOf(l).Steps, 3)
}

// What a step may not rest on, and who may not take it.
func TestLadderIsNotAbused(t *testing.T) {
	l := startLive(t)
	v := []trace.Key{l.Violation(0), l.Violation(1), l.Violation(2), l.Violation(3)}
	give := func(change func(*trace.GiveVerdictRequest)) trace.Key {
		r := l.VerdictRequest(l.Host.Party, 9)
		change(r)
		return l.Monitor.Must("verdict:Give", r).Record
	}
	warning := give(func(r *trace.GiveVerdictRequest) { r.Level, r.Finding = trace.LevelWarning, "exaggeration" })
	second := give(func(r *trace.GiveVerdictRequest) { r.Host, r.Finding = l.Second.Party, "second" })
	twin := give(func(r *trace.GiveVerdictRequest) {
		r.Observed, r.Finding = l.Began+20_000, "twin" // the same words, found twice
	})
	l.Merchant.Must("stream:Open", l.OpenRequest("live-02"))
	elsewhere := give(func(r *trace.GiveVerdictRequest) { r.Subject = state.StreamSubject("live-02") })
	overturned := l.Violation(8)
	l.Overturn(overturned)
	hint := func(causes ...trace.Key) *trace.TakeActionRequest { return l.StepRequest(trace.ActionHint, causes...) }

	for name, c := range map[string]struct {
		code   trace.Code
		r      *trace.TakeActionRequest
		change func(*trace.TakeActionRequest)
	}{
		"two are no row":             {trace.CodeBasis, hint(v[:2]...), nil},
		"more than it needs":         {trace.CodeBasis, hint(v...), nil},
		"out of order":               {trace.CodeChronology, hint(v[0], v[2], v[1]), nil},
		"the same words twice":       {trace.CodeChronology, hint(v[0], v[2], twin), nil},
		"a warning does not count":   {trace.CodeBasis, hint(v[0], v[1], warning), nil},
		"another host's":             {trace.CodeBasis, hint(v[0], v[1], second), nil},
		"another stream's":           {trace.CodeBasis, hint(v[0], v[1], elsewhere), nil},
		"overturned":                 {trace.CodeBasis, hint(v[0], v[1], overturned), nil},
		"no verdict":                 {trace.CodeBasis, hint(v[0], v[1], state.StreamKey(l.Stream)), nil},
		"skipping the hint":          {trace.CodeState, l.StepRequest(trace.ActionLimit, v[:3]...), nil},
		"skipping to the cut":        {trace.CodeState, l.StepRequest(trace.ActionCut, v[:3]...), nil},
		"a host not of the stream":   {trace.CodeForbidden, hint(v[:3]...), func(r *trace.TakeActionRequest) { r.Host = "monitor-01" }},
		"a stream nobody opened":     {trace.CodeNotFound, hint(v[:3]...), func(r *trace.TakeActionRequest) { r.Stream = "live-99" }},
		"a step on a lot":            {trace.CodeInvalid, hint(v[:3]...), func(r *trace.TakeActionRequest) { r.GTIN = l.Product }},
		"a step with rectification":  {trace.CodeInvalid, hint(v[:3]...), func(r *trace.TakeActionRequest) { r.Rectification = trace.DigestOf(nil) }},
		"lowering what never began":  {trace.CodeState, l.LowerRequest(v[0], v[0]), nil},
		"the operator delists":       {trace.CodeForbidden, hint(v[:3]...), func(r *trace.TakeActionRequest) { r.Kind = trace.ActionDelist }},
		"no legal basis for a step":  {trace.CodeBasis, hint(v[:3]...), func(r *trace.TakeActionRequest) { r.Basis = nil }},
		"a law that is not in force": {trace.CodeBasis, hint(v[:3]...), func(r *trace.TakeActionRequest) { r.Basis[0].Effective = contracttest.Day(1) }},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change != nil {
				c.change(c.r)
			}
			l.Operator.Refused(c.code, "enforcement:TakeAction", c.r)
		})
	}
	require.Nil(t, ladderOf(l), "nothing changed")
	l.Monitor.Refused(trace.CodeForbidden, "enforcement:TakeAction", hint(v[:3]...))
	l.Regulator().Refused(trace.CodeForbidden, "enforcement:TakeAction", hint(v[:3]...))
	l.Admit(trace.RoleConsumerDesk, "desk-01").Refused(trace.CodeForbidden, "enforcement:TakeAction", hint(v[:3]...))

	taken := l.Step(trace.ActionHint, v[:3]...)
	l.Operator.Refused(trace.CodeBasis, "enforcement:TakeAction", l.StepRequest(trace.ActionLimit, v[2]))
	l.Operator.Refused(trace.CodeBasis, "enforcement:TakeAction", l.StepRequest(trace.ActionLimit, twin))
	// The reviewer is not the author: a verdict's own party cannot confirm or overturn it.
	l.Monitor.Refused(trace.CodeForbidden, "verdict:Review", &trace.ReviewVerdictRequest{Write: l.Write(), Verdict: v[0], Outcome: trace.OutcomeConfirmed})

	// A review that confirms lowers nothing, nor does one of another verdict.
	confirmed := l.Reviewer.Must("verdict:Review", &trace.ReviewVerdictRequest{Write: l.Write(), Verdict: v[0], Outcome: trace.OutcomeConfirmed})
	l.Operator.Refused(trace.CodeBasis, "enforcement:TakeAction", l.LowerRequest(taken, confirmed.Record))
	l.Operator.Refused(trace.CodeBasis, "enforcement:TakeAction", l.LowerRequest(taken, l.Overturn(second)))

	// No step after the end.
	l.Merchant.Must("stream:Close", &trace.CloseStreamRequest{Write: l.Write(), Stream: l.Stream, Ended: trace.TimeOf(time.Now())})
	l.Operator.Refused(trace.CodeState, "enforcement:TakeAction", l.StepRequest(trace.ActionLimit, v[3]))
	l.Operator.Must("enforcement:TakeAction", l.LowerRequest(taken, l.Overturn(v[1])))
	require.Empty(t, ladderOf(l).Steps)
}

// Two operators at once: one step is taken.
func TestLadderIsClimbedOnce(t *testing.T) {
	l := startLive(t)
	other := l.Admit(trace.RolePlatformOperator, "operator-02")
	v := []trace.Key{l.Violation(0), l.Violation(1), l.Violation(2), l.Violation(3)}
	var taken sync.WaitGroup
	errs := make([]error, 2)
	for i, c := range []struct {
		by     *contracttest.Client
		causes []trace.Key
	}{{l.Operator, v[:3]}, {other, v[1:]}} {
		r := l.StepRequest(trace.ActionHint, c.causes...)
		taken.Go(func() { _, errs[i] = c.by.Submit("enforcement:TakeAction", r) })
	}
	taken.Wait()
	require.True(t, (errs[0] == nil) != (errs[1] == nil), "%v, %v", errs[0], errs[1])
	require.Len(t, ladderOf(l).Steps, 1)
}
