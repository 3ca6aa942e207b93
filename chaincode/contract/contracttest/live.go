package contracttest

import (
	"fmt"
	"time"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Live is a stream that sells the kiwifruit, with everybody who acts on it.
type Live struct {
	*Kiwifruit
	Merchant, Host, Second, Monitor, Operator, Reviewer *Client

	Stream trace.StreamID
	// Began is the time of violation 0; they are ten seconds apart, all within the clock
	// skew before the stream was put on file, so that a test need not wait.
	Began trace.Time
	Rule  string // version of the monitor's rule
}

// StartLive admits the people, publishes the rulebook and a rule of the monitor
// "speech", and opens the stream "live-01" with two hosts.
func StartLive(k *Kiwifruit) *Live {
	k.tb.Helper()
	l := &Live{
		Kiwifruit: k, Merchant: k.Admit(trace.RoleMerchant, "shop-01"), Host: k.Admit(trace.RoleHost, "host-01"),
		Second: k.Admit(trace.RoleHost, "host-02"), Monitor: k.Admit(trace.RoleMonitor, "monitor-01"),
		Operator: k.Admit(trace.RolePlatformOperator, "operator-01"), Reviewer: k.Admit(trace.RoleReviewer, "reviewer-01"),
		Stream: "live-01", Rule: "1",
	}
	k.Regulator().Must("rulebook:Publish", l.RulebookRequest("2026-1", Day(-10)))
	l.Monitor.Must("verdict:PublishRule", &trace.PublishRuleRequest{
		Write: l.Write(), Monitor: "speech", Version: l.Rule, Description: "话术", Content: trace.DigestOf([]byte("lexicon")),
	})
	l.Merchant.Must("stream:Open", l.OpenRequest(l.Stream))
	l.Began = trace.TimeOf(time.Now()) - 4*60_000
	return l
}

// RulebookRequest publishes the ladder: three in a row, then each further one.
func (l *Live) RulebookRequest(version string, effective trace.Date) *trace.PublishRulebookRequest {
	return &trace.PublishRulebookRequest{
		Write: l.Write(), Version: version, Effective: effective,
		Ladder: trace.LadderRules{
			Row: 3, WindowSeconds: 1800, Further: 1, ResetSeconds: 7200,
			Steps:  []trace.ActionKind{trace.ActionHint, trace.ActionLimit, trace.ActionCut},
			Levels: []trace.VerdictLevel{trace.LevelViolation},
		},
		Provisions: []trace.Provision{{
			Parameters: []string{"row", "windowSeconds", "further", "resetSeconds", "steps", "levels"}, Proposal: true, Source: "平台治理建议",
		}},
	}
}

// OpenRequest opens a stream of the merchant that begins in an hour.
func (l *Live) OpenRequest(stream trace.StreamID) *trace.OpenStreamRequest {
	now := trace.TimeOf(time.Now())
	return &trace.OpenStreamRequest{
		Write: l.Write(), Stream: stream, Room: "room-01", Merchant: l.Merchant.Party, Planned: now + 3_600_000,
		Hosts:    []trace.StreamHost{{Party: l.Host.Party}, {Party: l.Second.Party}},
		Products: []trace.StreamProduct{{GTIN: l.Product}},
		Commitment: trace.Commitment{Text: trace.DigestOf([]byte("承诺")), Signatures: []trace.Signature{
			{Party: l.Host.Party, At: now - 1000}, {Party: l.Second.Party, At: now - 1000}, {Party: l.Merchant.Party, At: now - 1000},
		}},
	}
}

// VerdictRequest is violation number n of a host.
func (l *Live) VerdictRequest(host trace.PartyID, n int) *trace.GiveVerdictRequest {
	return &trace.GiveVerdictRequest{
		Claimed: trace.TimeOf(time.Now()), Monitor: "speech", Version: l.Rule, Subject: state.StreamSubject(l.Stream),
		Finding: "absolute-term", Level: trace.LevelViolation, Text: "绝对化用语", Input: trace.DigestOf([]byte(fmt.Sprint(host, n))),
		Observed: l.Began + trace.Time(n)*10_000, Host: host,
	}
}

// Violation gives violation number n of the first host.
func (l *Live) Violation(n int) trace.Key {
	l.tb.Helper()
	return l.Monitor.Must("verdict:Give", l.VerdictRequest(l.Host.Party, n)).Record
}

// VerdictKey is the key of violation number n of the first host.
func (l *Live) VerdictKey(n int) trace.Key {
	r := l.VerdictRequest(l.Host.Party, n)
	return state.FactKey(r.Subject, 0, state.FactVerdict, string(rules.VerdictID(r)))
}

// StepRequest takes a step of the ladder on the first host.
func (l *Live) StepRequest(kind trace.ActionKind, causes ...trace.Key) *trace.TakeActionRequest {
	return &trace.TakeActionRequest{
		Write: l.Write(), Kind: kind, Stream: l.Stream, Host: l.Host.Party, Causes: causes, Reason: "连续违规",
		Basis: []trace.LegalBasis{{Law: "直播电商监督管理办法", Article: "第三十四条", Effective: Day(-100)}},
	}
}

// Step takes a step of the ladder on the first host.
func (l *Live) Step(kind trace.ActionKind, causes ...trace.Key) trace.Key {
	l.tb.Helper()
	return l.Operator.Must("enforcement:TakeAction", l.StepRequest(kind, causes...)).Record
}

// Overturn has the reviewer overturn a verdict.
func (l *Live) Overturn(verdict trace.Key) trace.Key {
	l.tb.Helper()
	return l.Reviewer.Must("verdict:Review", &trace.ReviewVerdictRequest{
		Write: l.Write(), Verdict: verdict, Outcome: trace.OutcomeOverturned, Reason: "有据可查",
	}).Record
}

// LowerRequest lowers the ladder of the first host.
func (l *Live) LowerRequest(step trace.Key, reviews ...trace.Key) *trace.TakeActionRequest {
	r := l.StepRequest(trace.ActionLower, reviews...)
	r.Undoes, r.Reason = step, "判定已推翻"
	return r
}
