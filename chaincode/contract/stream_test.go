package contract_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

func startLive(t *testing.T) *contracttest.Live {
	return contracttest.StartLive(contracttest.StartKiwifruit(contracttest.Start(t)))
}

// utterances makes a run of one utterance for each of the first n violations.
func utterances(t *testing.T, l *contracttest.Live, n int) (*trace.AnchorTranscriptRequest, []byte) {
	t.Helper()
	var run []trace.Utterance
	for i := range n {
		at := l.Began + trace.Time(i)*10_000
		run = append(run, trace.Utterance{From: at, To: at + 2_000, Host: l.Host.Party, Text: fmt.Sprint("全网最低价 ", i)})
	}
	file, err := trace.EncodeUtterances(run)
	require.NoError(t, err)
	return &trace.AnchorTranscriptRequest{
		Stream: l.Stream, Sequence: 1, Count: n, From: run[0].From, To: run[n-1].To, Payload: trace.DigestOf(file), Root: rules.UtteranceRoot(file),
	}, file
}

func TestStreamsThatAreRefused(t *testing.T) {
	l := startLive(t)
	operator := l.Admit(trace.RoleRoomOperator, "room-op-01")
	l.Admit(trace.RoleMerchant, "shop-02")
	suspended := l.Admit(trace.RoleHost, "host-03")
	l.Regulator().Must("registry:SetStanding", &trace.SetStandingRequest{Write: l.Write(), Party: suspended.Party, Status: trace.PartySuspended, Reason: "虚假宣传"})
	lot := l.Batch("PJ261018-A", 100)
	now := trace.TimeOf(time.Now())
	for name, c := range map[string]struct {
		by     *contracttest.Client
		code   trace.Code
		change func(*trace.OpenStreamRequest)
	}{
		"another merchant's":       {l.Merchant, trace.CodeForbidden, func(r *trace.OpenStreamRequest) { r.Merchant = "shop-02" }},
		"begun already":            {l.Merchant, trace.CodeChronology, func(r *trace.OpenStreamRequest) { r.Planned = now - 10*60_000 }},
		"a year ahead":             {l.Merchant, trace.CodeChronology, func(r *trace.OpenStreamRequest) { r.Planned = now + 365*24*3_600_000 }},
		"merchant nobody admitted": {operator, trace.CodeUnknownParty, func(r *trace.OpenStreamRequest) { r.Merchant = "shop-99"; r.Commitment.Signatures[2].Party = "shop-99" }},
		"a host that is no host": {operator, trace.CodeForbidden, func(r *trace.OpenStreamRequest) {
			r.Hosts[0].Party = "shop-02"
			r.Commitment.Signatures[0].Party = "shop-02"
		}},
		"a suspended host": {l.Merchant, trace.CodePartySuspended, func(r *trace.OpenStreamRequest) {
			r.Hosts[0].Party = suspended.Party
			r.Commitment.Signatures[0].Party = suspended.Party
		}},
		"product not registered":     {l.Merchant, trace.CodeNotFound, func(r *trace.OpenStreamRequest) { r.Products[0].GTIN = "09520000200015" }},
		"lot not registered":         {l.Merchant, trace.CodeNotFound, func(r *trace.OpenStreamRequest) { r.Products[0].Lots = []trace.LotNumber{"NONE"} }},
		"commitment not signed":      {l.Merchant, trace.CodeMissing, func(r *trace.OpenStreamRequest) { r.Commitment.Signatures = r.Commitment.Signatures[1:] }},
		"commitment signed too late": {l.Merchant, trace.CodeChronology, func(r *trace.OpenStreamRequest) { r.Commitment.Signatures[0].At = r.Planned + 1 }},
		"signed by a stranger":       {l.Merchant, trace.CodeInvalid, func(r *trace.OpenStreamRequest) { signs(r, "shop-02") }},
		"an AI that signs":           {l.Merchant, trace.CodeInvalid, func(r *trace.OpenStreamRequest) { r.Hosts[0].AI = true }},
		"a host twice":               {l.Merchant, trace.CodeInvalid, func(r *trace.OpenStreamRequest) { r.Hosts[1] = r.Hosts[0] }},
	} {
		t.Run(name, func(t *testing.T) {
			r := l.OpenRequest("live-02")
			c.change(r)
			c.by.Refused(c.code, "stream:Open", r)
		})
	}
	require.Nil(t, contracttest.Value[trace.Stream](l.Ledger, state.StreamKey("live-02")))

	// What is recalled is not sold in a stream.
	good := l.OpenRequest("live-02")
	good.Products[0].Lots = []trace.LotNumber{lot.Lot}
	good.Hosts[0].AI = true
	good.Commitment.Signatures = good.Commitment.Signatures[1:]
	l.Regulator().Must("enforcement:TakeAction", &trace.TakeActionRequest{
		Write: l.Write(), Kind: trace.ActionRecall, Lot: &lot, Causes: []trace.Key{state.BatchKey(lot)}, Reason: "检出禁用农药", Basis: basis(),
	})
	l.Merchant.Refused(trace.CodeRecalled, "stream:Open", good)
	good.Products[0].Lots = nil
	l.Merchant.Must("stream:Open", good)
	l.Merchant.Refused(trace.CodeAlreadyRecorded, "stream:Open", good)
	l.Merchant.Refused(trace.CodeAlreadyExists, "stream:Open", l.OpenRequest("live-02"))

	// Only who opened it closes it, once, and not before it was on file.
	end := &trace.CloseStreamRequest{Write: l.Write(), Stream: "live-02", Ended: now}
	operator.Refused(trace.CodeForbidden, "stream:Close", end)
	early := *end
	early.Ended = now - 60*60_000
	l.Merchant.Refused(trace.CodeChronology, "stream:Close", &early)
	l.Merchant.Must("stream:Close", end)
	again := *end
	again.Write = l.Write()
	l.Merchant.Refused(trace.CodeAlreadyExists, "stream:Close", &again)
}

// signs adds a signature.
func signs(r *trace.OpenStreamRequest, party trace.PartyID) {
	r.Commitment.Signatures = append(r.Commitment.Signatures, trace.Signature{Party: party, At: r.Commitment.Signatures[0].At})
}

func TestTranscriptsAndClaimsOnTheLedger(t *testing.T) {
	l := startLive(t)
	run, file := utterances(t, l, 4)
	l.Merchant.Refused(trace.CodeForbidden, "stream:AnchorTranscript", run)
	l.Admit(trace.RoleRoomOperator, "room-op-01").Refused(trace.CodeForbidden, "stream:AnchorTranscript", run)
	for code, change := range map[trace.Code]func(*trace.AnchorTranscriptRequest){
		trace.CodeNotFound:   func(r *trace.AnchorTranscriptRequest) { r.Stream = "live-99" },
		trace.CodeChronology: func(r *trace.AnchorTranscriptRequest) { r.From -= 30 * 60_000 },
		trace.CodeSequence:   func(r *trace.AnchorTranscriptRequest) { r.Sequence = 2 },
		trace.CodeInvalid:    func(r *trace.AnchorTranscriptRequest) { r.Count = trace.MaxUtterances + 1 },
		trace.CodeMissing:    func(r *trace.AnchorTranscriptRequest) { r.Root = trace.Digest{} },
	} {
		bad := *run
		change(&bad)
		l.Monitor.Refused(code, "stream:AnchorTranscript", &bad)
	}
	heard := l.Monitor.Must("stream:AnchorTranscript", run)
	l.Monitor.Refused(trace.CodeAlreadyRecorded, "stream:AnchorTranscript", run)
	other := *run
	other.Count = 3
	l.Monitor.Refused(trace.CodeSequence, "stream:AnchorTranscript", &other)
	// Another monitor has a sequence of its own.
	l.Admit(trace.RoleMonitor, "monitor-02").Must("stream:AnchorTranscript", &other)
	kept := contracttest.Value[trace.UtteranceRun](l.Ledger, heard.Record)
	require.Equal(t, run.Payload, kept.Payload)
	back, err := trace.DecodeUtterances(file)
	require.NoError(t, err)
	require.Len(t, back, 4)

	// A verdict names the utterance that it is about.
	verdict := l.VerdictRequest(l.Host.Party, 2)
	verdict.Evidence, verdict.Utterance = []trace.Key{heard.Record}, 3
	for name, c := range map[string]struct {
		code   trace.Code
		change func(*trace.GiveVerdictRequest)
	}{
		"a stream nobody opened":    {trace.CodeNotFound, func(r *trace.GiveVerdictRequest) { r.Subject.ID = "live-99" }},
		"no time":                   {trace.CodeMissing, func(r *trace.GiveVerdictRequest) { r.Observed = 0 }},
		"before the stream":         {trace.CodeChronology, func(r *trace.GiveVerdictRequest) { r.Observed -= 3_600_000 }},
		"a violation of nobody":     {trace.CodeMissing, func(r *trace.GiveVerdictRequest) { r.Host = "" }},
		"a host of another stream":  {trace.CodeForbidden, func(r *trace.GiveVerdictRequest) { r.Host = "host-99" }},
		"utterance beyond the run":  {trace.CodeInvalid, func(r *trace.GiveVerdictRequest) { r.Utterance = 5 }},
		"utterance in no run":       {trace.CodeInvalid, func(r *trace.GiveVerdictRequest) { r.Evidence = []trace.Key{state.StreamKey(l.Stream)} }},
		"not spoken in the run":     {trace.CodeChronology, func(r *trace.GiveVerdictRequest) { r.Observed = run.To + 1 }},
		"a host of a lot's verdict": {trace.CodeInvalid, func(r *trace.GiveVerdictRequest) { r.Subject = state.ProductSubject(l.Product) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := *verdict
			c.change(&r)
			l.Monitor.Refused(c.code, "verdict:Give", &r)
		})
	}
	l.Monitor.Must("verdict:Give", verdict)

	// A claim, spoken and written.
	claim := func() *trace.ClaimRequest {
		return &trace.ClaimRequest{
			Write: l.Write(), Stream: l.Stream, Host: l.Host.Party, Run: heard.Record, Utterance: 1, GTIN: l.Product,
			Kind: trace.ClaimPickedAt, At: l.Began,
		}
	}
	for name, c := range map[string]struct {
		by     *contracttest.Client
		code   trace.Code
		change func(*trace.ClaimRequest)
	}{
		"a merchant on what is spoken": {l.Merchant, trace.CodeForbidden, func(*trace.ClaimRequest) {}},
		"another's host":               {l.Monitor, trace.CodeForbidden, func(r *trace.ClaimRequest) { r.Host = "host-99" }},
		"no value":                     {l.Monitor, trace.CodeInvalid, func(r *trace.ClaimRequest) { r.At = 0 }},
		"two values":                   {l.Monitor, trace.CodeInvalid, func(r *trace.ClaimRequest) { r.Text = "今早" }},
		"spoken and written":           {l.Monitor, trace.CodeInvalid, func(r *trace.ClaimRequest) { r.Page = trace.DigestOf(nil) }},
		"an unknown kind":              {l.Monitor, trace.CodeInvalid, func(r *trace.ClaimRequest) { r.Kind = "taste" }},
		"a run of nothing":             {l.Monitor, trace.CodeInvalid, func(r *trace.ClaimRequest) { r.Run = "utterances/x/y/1" }},
		"a lot nobody registered":      {l.Monitor, trace.CodeNotFound, func(r *trace.ClaimRequest) { r.Lot = "NONE" }},
		"another's page":               {l.Merchant, trace.CodeForbidden, func(r *trace.ClaimRequest) { *r = page(l, r.Write) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := claim()
			c.change(r)
			c.by.Refused(c.code, "stream:Claim", r)
		})
	}
	l.Monitor.Must("stream:Claim", claim())
	written := page(l, l.Write())
	l.Monitor.Must("stream:Claim", &written)

	// What was said is heard late, but not after the end.
	l.Merchant.Must("stream:Close", &trace.CloseStreamRequest{Write: l.Write(), Stream: l.Stream, Ended: l.Began + 60_000})
	late := *run
	late.Sequence, late.Previous = 2, run.Payload
	l.Monitor.Must("stream:AnchorTranscript", &late)
	late.Sequence, late.To = 3, trace.TimeOf(time.Now())+trace.ClockSkew-1000
	l.Monitor.Refused(trace.CodeChronology, "stream:AnchorTranscript", &late)
}

func page(l *contracttest.Live, w trace.Write) trace.ClaimRequest {
	return trace.ClaimRequest{
		Write: w, Page: trace.DigestOf([]byte("page")), GTIN: l.Product, Kind: trace.ClaimNetContent,
		Quantity: trace.Quantity{Amount: 5_000, Unit: trace.Gram},
	}
}

func TestRulebookOnTheLedger(t *testing.T) {
	l := startLive(t)
	publish := l.RulebookRequest("2026-2", contracttest.Day(1))
	l.Merchant.Refused(trace.CodeForbidden, "rulebook:Publish", publish)
	l.Regulator().Refused(trace.CodeChronology, "rulebook:Publish", l.RulebookRequest("2026-2", contracttest.Day(0)))
	l.Regulator().Refused(trace.CodeAlreadyExists, "rulebook:Publish", l.RulebookRequest("2026-1", contracttest.Day(2)))
	l.Regulator().Must("rulebook:Publish", publish)
	l.Regulator().Refused(trace.CodeAlreadyRecorded, "rulebook:Publish", publish)
	l.Regulator().Refused(trace.CodeAlreadyExists, "rulebook:Publish", l.RulebookRequest("2026-3", contracttest.Day(1)))
	versions := contracttest.Value[[]trace.Rulebook](l.Ledger, state.RulebookKey())
	require.Len(t, *versions, 2)
	require.Equal(t, "2026-1", rules.RulebookOn(*versions, contracttest.Day(0)).Version)
	require.Equal(t, "2026-2", rules.RulebookOn(*versions, contracttest.Day(1)).Version)
}
