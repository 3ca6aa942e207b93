package main

import (
	"fmt"

	keys "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// rulebook is a version of the ladder: a step for each violation.
func (w *responsibleWorld) rulebook(effective trace.Date) *trace.PublishRulebookRequest {
	return &trace.PublishRulebookRequest{
		Write: w.write(0), Version: fmt.Sprintf("test-%d", w.next()), Effective: effective,
		Ladder: trace.LadderRules{
			Row: 1, WindowSeconds: 1800, Further: 1, ResetSeconds: 7200,
			Steps:  []trace.ActionKind{trace.ActionHint, trace.ActionLimit, trace.ActionCut},
			Levels: []trace.VerdictLevel{trace.LevelViolation},
		},
		Provisions: []trace.Provision{{
			Parameters: []string{"row", "windowSeconds", "further", "resetSeconds", "steps", "levels"}, Proposal: true, Source: "测试",
		}},
	}
}

// streamRequest is a new stream of the merchant's, in which the host sells the factory's
// product, not yet sent.
func (p *preparation) streamRequest() *trace.OpenStreamRequest {
	host := trace.PartyID(trace.RoleHost)
	return &trace.OpenStreamRequest{
		Write: p.world.write(0), Stream: trace.StreamID(p.id("live")), Room: "room-1", Merchant: trace.PartyID(trace.RoleMerchant),
		Hosts: []trace.StreamHost{{Party: host}}, Products: []trace.StreamProduct{{GTIN: streamGTIN()}}, Planned: p.world.at(-1),
		Commitment: trace.Commitment{Text: trace.DigestOf([]byte("承诺")), Signatures: []trace.Signature{{Party: host, At: p.world.at(1)}}},
	}
}

// streamGTIN is what the streams sell.
func streamGTIN() trace.GTIN { return gtinUnder(makers[trace.RoleFactory].prefix, 1) }

// stream is a new stream that the role's party opened.
func (p *preparation) stream(by trace.Role) trace.StreamID {
	r := p.streamRequest()
	p.must(trace.PartyID(by), by, "stream:Open", r)
	return r.Stream
}

// transcript is the first run of a stream's utterances, not yet sent.
func (p *preparation) transcript(stream trace.StreamID) *trace.AnchorTranscriptRequest {
	return &trace.AnchorTranscriptRequest{
		Stream: stream, Sequence: 1, Count: 2, From: p.world.now, To: p.world.now + 10_000,
		Payload: trace.DigestOf([]byte("utterances")), Root: trace.DigestOf([]byte("root")),
	}
}

// claim is what the role records of the factory's product, not yet sent: a monitor what
// it heard, a merchant what its own page says.
func (p *preparation) claim() *trace.ClaimRequest {
	r := &trace.ClaimRequest{Write: p.world.write(0), GTIN: streamGTIN(), Kind: trace.ClaimGrade, Text: "特级"}
	if p.role == trace.RoleMerchant {
		r.Page = trace.DigestOf([]byte("page"))
		return r
	}
	r.Stream, r.Host, r.Utterance = p.stream(trace.RoleMerchant), trace.PartyID(trace.RoleHost), 1
	r.Run = p.must(trace.PartyID(trace.RoleMonitor), trace.RoleMonitor, "stream:AnchorTranscript", p.transcript(r.Stream)).Record
	return r
}

// hint is the first step of the ladder on the host in a new stream, not yet sent.
func (p *preparation) hint() *trace.TakeActionRequest {
	stream, host := p.stream(trace.RoleMerchant), trace.PartyID(trace.RoleHost)
	rule := p.rule()
	monitor := trace.PartyID(trace.RoleMonitor)
	p.must(monitor, trace.RoleMonitor, "verdict:PublishRule", rule)
	violation := p.must(monitor, trace.RoleMonitor, "verdict:Give", &trace.GiveVerdictRequest{
		Claimed: p.world.now, Monitor: rule.Monitor, Version: rule.Version, Subject: keys.StreamSubject(stream), Finding: "absolute-term",
		Level: trace.LevelViolation, Text: "绝对化用语", Input: trace.DigestOf([]byte("input")), Observed: p.world.now, Host: host,
	})
	return &trace.TakeActionRequest{
		Write: p.world.write(0), Kind: trace.ActionHint, Stream: stream, Host: host, Causes: []trace.Key{violation.Record}, Reason: "测试",
		Basis: []trace.LegalBasis{{Law: "直播电商监督管理办法", Article: "第三十四条", Effective: p.world.now.Date() - 100}},
	}
}
