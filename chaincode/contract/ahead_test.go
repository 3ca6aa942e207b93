package contract_test

import (
	"maps"
	"slices"
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

// TestALicenceIsFetchedWithItsProduct: once a product is known, its licence is fetched with
// it. Endorsers that know it and those that do not read the same keys and write the same.
func TestALicenceIsFetchedWithItsProduct(t *testing.T) {
	b := newBench(t)
	head := trace.Head{Party: "farm-01", Role: trace.RoleFarm, Claimed: contracttest.At(-50, 0), Recorded: contracttest.At(-50, 0)}
	product := &trace.Product{
		Head: head, GTIN: "09520000100018", Name: "猕猴桃", Category: trace.CategoryFruit, Commodity: "kiwifruit", Producer: "farm-01",
		LicenceNumber: "L-1", NetContent: trace.Quantity{Amount: 5_000, Unit: trace.Gram}, ShelfLifeDays: 60,
	}
	licence := &trace.Licence{
		Head: head, Holder: "farm-01", Number: "L-1", Kind: trace.LicenceFood, Scope: []trace.Category{trace.CategoryFruit},
		ValidFrom: contracttest.Day(-100), ValidTo: contracttest.Day(100),
	}
	for key, value := range map[trace.Key]any{state.ProductKey(product.GTIN): product, state.LicenceKey("farm-01", "L-1"): licence} {
		encoded, err := state.Encode(value)
		require.NoError(t, err)
		b.committed[string(key)] = encoded
	}
	request := &trace.RegisterBatchRequest{
		Write: trace.Write{IdempotencyKey: "L1", Claimed: contracttest.At(0, 0)}, LotID: trace.LotID{GTIN: product.GTIN, Lot: "L1"},
		Place: "蒲江", Plot: "plot-01", Presale: true, Planned: contracttest.Day(20),
	}
	register := func() (*stub, []string) {
		writes, refusal := b.run(trace.RoleFarm, "origin:RegisterBatch", request)
		require.Empty(t, refusal)
		require.NotEmpty(t, writes)
		read := slices.Concat(append(b.last.together, b.last.single)...)
		slices.Sort(read)
		return b.last, read
	}
	unknown, readUnknown := register()
	known, readKnown := register()
	require.Len(t, unknown.together, 2)
	require.Equal(t, []string{string(state.LicenceKey("farm-01", "L-1")), string(state.RevocationKey("farm-01", "L-1"))}, unknown.together[1])
	require.Len(t, known.together, 1)
	require.Equal(t, readUnknown, readKnown)
	require.Equal(t, slices.Sorted(maps.Keys(unknown.writes)), slices.Sorted(maps.Keys(known.writes)))
}
