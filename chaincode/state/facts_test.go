package state

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// put writes a value; every record on the chain has its times.
func put(t *testing.T, world memory, key trace.Key, value any) {
	require.NoError(t, Put(world, key, value))
}

func recorded() trace.Head {
	const now = trace.Time(1_792_483_200_000)
	return trace.Head{Claimed: now, Recorded: now}
}

func TestRecalledCodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := trace.CodeRange{Pack: "PACK0001", First: rapid.Int64Range(1, trace.MaxPackCount).Draw(t, "first"), Last: rapid.Int64Range(1, trace.MaxPackCount).Draw(t, "last")}
		back, ok := RecalledCodes(RecallCodesKey(r))
		require.True(t, ok)
		require.Equal(t, r, back)
	})
	for _, key := range []trace.Key{"recall/codes/PACK0001/1-2", "recall/codes/PACK0001/0000001", "recall/lot/09520000100018/A", "x", ""} {
		_, ok := RecalledCodes(key)
		require.False(t, ok, key)
	}
}

func TestEvidenceIsARecord(t *testing.T) {
	world := memory{}
	lot := trace.LotID{GTIN: "09520000100018", Lot: "A/1"}
	for _, key := range []trace.Key{
		BatchKey(lot), ShipmentKey("ship-01"), SegmentKey("dev-01", 1), LimitKey("kiwifruit", "spinosad"),
		FactKey(LotSubject(lot), 0, FactInspection, "00"),
		EpochKey(), GuardKey(trace.LabMSP, 1), GuardReadyKey(trace.LabMSP), FreezeKey(LotSubject(lot)),
		PackStatusKey("PACK0001"), ShipmentStatusKey("ship-01"), RecallLotKey(lot), StandingKey("farm-01"),
	} {
		exists, err := Exists(world, key)
		require.NoError(t, err)
		require.False(t, exists, "%s is not on the chain", key)
		put(t, world, key, struct{}{})
		exists, err = Exists(world, key)
		require.NoError(t, err)
		kind, _, ok := ParseKey(key)
		require.True(t, ok)
		require.Equal(t, IsEvidence(kind), exists, key)
	}
	for _, key := range []trace.Key{EpochKey(), GuardKey(trace.LabMSP, 1), FreezeKey(LotSubject(lot)), PackStatusKey("PACK0001"), RecallLotKey(lot)} {
		exists, err := Exists(world, key)
		require.NoError(t, err)
		require.False(t, exists, "%s is no evidence", key)
	}
}

func TestAKeyReadsOnlyItsKind(t *testing.T) {
	world := memory{}
	lot := LotSubject(trace.LotID{GTIN: "09520000100018", Lot: "A"})
	key := FactKey(lot, 0, FactInspection, "00")
	put(t, world, key, trace.Inspection{Head: recorded(), SampledAt: recorded().Claimed, ReportedAt: recorded().Claimed, Judgement: trace.JudgedPass})
	inspection, err := GetInspection(world, key)
	require.NoError(t, err)
	require.Equal(t, trace.JudgedPass, inspection.Judgement)
	review, err := GetReview(world, key)
	require.NoError(t, err)
	require.Nil(t, review)
	for _, other := range []trace.Key{"", "x", EpochKey(), ShipmentKey("ship-01")} {
		inspection, err = GetInspection(world, other)
		require.NoError(t, err)
		require.Nil(t, inspection)
	}
}

func TestVerdictReviewIsFoundAcrossAFreeze(t *testing.T) {
	world := memory{}
	subject := ShipmentSubject("ship-01")
	verdict := FactKey(subject, 1, FactVerdict, "00")
	find := func() *trace.VerdictReview {
		review, err := GetVerdictReview(world, verdict)
		require.NoError(t, err)
		return review
	}
	require.Nil(t, find())
	put(t, world, FreezeKey(subject), trace.FreezeNumber{Number: 3})
	put(t, world, FactKey(subject, 3, FactVerdictReview, "00"), trace.VerdictReview{Head: recorded(), Outcome: trace.OutcomeOverturned})
	require.Equal(t, trace.OutcomeOverturned, find().Outcome)
	none, err := GetVerdictReview(world, ShipmentKey("ship-01"))
	require.NoError(t, err)
	require.Nil(t, none)
}

func TestActionStateKey(t *testing.T) {
	lot := trace.LotID{GTIN: "09520000100018", Lot: "A"}
	codes := trace.CodeRange{Pack: "PACK0001", First: 1, Last: 9}
	require.Equal(t, RecallLotKey(lot), ActionStateKey(trace.ActionRecall, &lot, nil, ""))
	require.Equal(t, RecallCodesKey(codes), ActionStateKey(trace.ActionRecall, &lot, &codes, ""))
	require.Equal(t, DelistLotKey(lot), ActionStateKey(trace.ActionDelist, &lot, nil, ""))
	require.Equal(t, DelistProductKey(lot.GTIN), ActionStateKey(trace.ActionDelist, nil, nil, lot.GTIN))
}
