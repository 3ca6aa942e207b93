package contract_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// TestGatesAreReadTogether: every message to the peer costs, so what each transaction reads
// is fetched in one, read once, and all writes go in one.
func TestGatesAreReadTogether(t *testing.T) {
	b := newBench(t)
	b.must(trace.RoleFarm, "origin:AddLogEntry", &trace.AddLogEntryRequest{
		Write: trace.Write{IdempotencyKey: "log-1", Claimed: trace.TimeOf(time.Now())}, Plot: "plot-01", Season: contracttest.Day(0).Year(),
		Activity: trace.ActivityIrrigation, At: contracttest.At(-1, 0), Note: "滴灌 2 小时",
	})
	gates := []string{
		string(state.EpochKey()), string(state.GuardReadyKey(trace.ProducerMSP)),
		string(state.PartyKey("farm-01")), string(state.StandingKey("farm-01")),
	}
	require.Equal(t, [][]string{gates}, b.last.together)
	require.NotEmpty(t, b.last.single, "what the method itself reads")
	for _, key := range gates {
		require.NotContains(t, b.last.single, key)
	}
	require.Greater(t, len(b.last.writes), 1)
	require.Equal(t, 1, b.last.batches)
}

// TestARequestSaysWhatItReads: what a lot's registration reads is fetched with the gates,
// as far as its request names it.
func TestARequestSaysWhatItReads(t *testing.T) {
	b := newBench(t)
	lot := trace.LotID{GTIN: "09520000100018", Lot: "L1"}
	_, refusal := b.run(trace.RoleFarm, "origin:RegisterBatch", &trace.RegisterBatchRequest{
		Write: trace.Write{IdempotencyKey: "L1", Claimed: trace.TimeOf(time.Now())}, LotID: lot,
	})
	require.Contains(t, refusal, trace.CodeNotFound, "there is no such product")
	require.Equal(t, [][]string{{
		string(state.EpochKey()), string(state.BatchKey(lot)), string(state.ProductKey(lot.GTIN)), string(state.GuardReadyKey(trace.ProducerMSP)),
		string(state.PartyKey("farm-01")), string(state.StandingKey("farm-01")),
	}}, b.last.together)
	require.Empty(t, b.last.single)
}
