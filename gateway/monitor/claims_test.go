package monitor_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
	"traceledger/gateway/monitor/freshness"
	"traceledger/gateway/monitor/label"
	"traceledger/gateway/monitor/monitortest"
)

// Spoken claims become verdicts on the stream, of the host who spoke, that the contract
// takes; written ones verdicts on the product.
func TestClaimsOnTheLedger(t *testing.T) {
	l := contracttest.StartLive(contracttest.StartKiwifruit(contracttest.Start(t)))
	house := monitortest.Start(t, l.Ledger)
	lot := l.Batch("PJ261018-A", 40)
	run := l.Monitor.Must("stream:AnchorTranscript", &trace.AnchorTranscriptRequest{
		Stream: l.Stream, Sequence: 1, Count: 3, From: l.Began, To: l.Began + 20_000, Payload: trace.DigestOf([]byte("words")), Root: trace.DigestOf([]byte("root")),
	}).Record
	utterance := 0
	spoken := func(change func(*trace.ClaimRequest)) {
		r := &trace.ClaimRequest{Write: l.Write(), Stream: l.Stream, Host: l.Host.Party, Run: run, GTIN: l.Product}
		utterance++
		r.Claimed, r.Utterance = l.Began+1000, utterance
		change(r)
		l.Monitor.Must("stream:Claim", r)
	}
	spoken(func(r *trace.ClaimRequest) { r.Kind, r.At, r.Lot = trace.ClaimPickedAt, l.Began-3_600_000, lot.Lot })
	spoken(func(r *trace.ClaimRequest) {
		r.Kind, r.Quantity = trace.ClaimNetContent, trace.Quantity{Amount: 6_000, Unit: trace.Gram}
	})
	spoken(func(r *trace.ClaimRequest) { r.Kind, r.Text, r.Lot = trace.ClaimOrigin, "陕西眉县", lot.Lot })
	l.Monitor.Must("stream:Claim", &trace.ClaimRequest{
		Write: l.Write(), Page: trace.DigestOf([]byte("page")), GTIN: l.Product, Kind: trace.ClaimNetContent, Quantity: trace.Quantity{Amount: 6_000, Unit: trace.Gram},
	})

	fresh, err := freshness.New()
	require.NoError(t, err)
	labels, err := label.New()
	require.NoError(t, err)
	for range 2 { // the second time, with no cursor, writes nothing
		for _, m := range []monitor.Monitor{fresh, labels} {
			house.Judge(house.Runner(m, l.Monitor, t.TempDir()))
		}
		var found []string
		for _, record := range house.Verdicts() {
			var v trace.Verdict
			require.NoError(t, json.Unmarshal(record.Value, &v))
			found = append(found, string(v.Subject.Kind)+" "+v.Monitor+" "+v.Finding+" "+string(v.Host))
		}
		require.ElementsMatch(t, []string{
			"stream freshness picked-earlier host-01", "stream label net-content-differs host-01",
			"stream label origin-differs host-01", "product label net-content-differs ",
		}, found)
	}
}
