package state

import (
	"encoding/json"
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// memory is a world state of committed values only.
type memory map[string][]byte

func (m memory) GetState(key string) ([]byte, error)     { return m[key], nil }
func (m memory) PutState(key string, value []byte) error { m[key] = value; return nil }

func allKeys() map[trace.Key]string {
	lot := trace.LotID{GTIN: "09520000100018", Lot: "A/1%"}
	run := trace.CodeRange{Pack: "PACK0001", First: 1, Last: 1_000_000}
	return map[trace.Key]string{
		EpochKey():                                       KindEpoch,
		GuardKey("LabMSP", 2):                            KindGuard,
		GuardReadyKey("LabMSP"):                          KindGuardReady,
		FreezeKey(LotSubject(lot)):                       KindFreeze,
		FactKey(LotSubject(lot), 12, "log", "0"):         KindFact,
		OrganisationKey("Producer2MSP"):                  KindOrganisation,
		OrganisationEndKey("Producer2MSP"):               KindOrganisationEnd,
		ImportKey(trace.DigestOf(nil)):                   KindImport,
		ImportClosedKey(trace.DigestOf(nil)):             KindImportClosed,
		ImportProgressKey(trace.DigestOf(nil)):           KindImportProgress,
		PartyKey("farm-01"):                              KindParty,
		StandingKey("farm-01"):                           KindStanding,
		LicenceKey("farm-01", "川 01/2"):                  KindLicence,
		RevocationKey("farm-01", "川 01/2"):               KindRevocation,
		AccreditationKey("lab-01", "CMA-1"):              KindAccreditation,
		LimitKey("kiwifruit", "spinosad"):                KindLimit,
		IntervalKey("PD/1", "kiwifruit"):                 KindInterval,
		YieldCeilingKey("kiwifruit"):                     KindYieldCeiling,
		CompanyPrefixKey("952000010"):                    KindCompanyPrefix,
		ProductKey(lot.GTIN):                             KindProduct,
		PlotKey("farm-01", "plot-01"):                    KindPlot,
		BatchKey(lot):                                    KindBatch,
		CompletionKey(lot):                               KindCompletion,
		CodePackKey("PACK0001"):                          KindCodePack,
		ShipmentKey("ship-01"):                           KindShipment,
		UnitKey("095200001000000014"):                    KindSSCC,
		SegmentKey("tracker-01", 7):                      KindSegment,
		RuleKey("coldchain", "1.0"):                      KindRule,
		RulebookKey():                                    KindRulebook,
		StreamKey("stream-01"):                           KindStream,
		StreamCloseKey("stream-01"):                      KindStreamClose,
		UtterancesKey("stream-01", "monitor-01", 7):      KindUtterances,
		LadderKey("stream-01", "host-01"):                KindLadder,
		BatchInputsKey(lot):                              KindBatchInputs,
		InputReleaseKey(lot, "factory-01"):               KindInputRelease,
		BatchCodesKey(lot):                               KindBatchCodes,
		SeasonKey("farm-01", "plot-01", 2026):            KindSeason,
		PackStatusKey("PACK0001"):                        KindPackStatus,
		PackCustodyKey("PACK0001"):                       KindPackCustody,
		UnitCustodyKey("095200001000000014"):             KindUnitCustody,
		ShipmentStatusKey("ship-01"):                     KindShipmentStatus,
		ConsignmentStatusKey("ship-01", "farm-01"):       KindConsignmentStatus,
		DeviceStatusKey("tracker-01"):                    KindDeviceStatus,
		RecallLotKey(lot):                                KindRecallLot,
		RecallCodesKey(run):                              KindRecallCodes,
		DelistProductKey(lot.GTIN):                       KindDelistProduct,
		DelistLotKey(lot):                                KindDelistLot,
		SupersededKey("fact/lot/0~A/0000/inspection/0f"): KindSuperseded,
		ReviewLevelsKey(lot):                             KindReviewLevels,
	}
}

func TestEveryKeyIsTakenApartAgain(t *testing.T) {
	seen := map[string]bool{}
	for key, kind := range allKeys() {
		found, parts, ok := ParseKey(key)
		require.True(t, ok, key)
		require.Equal(t, kind, found, key)
		require.Len(t, parts, partCount(kind), key)
		seen[kind] = true
	}
	// Every kind that keys.go declares is in the table above.
	source, err := os.ReadFile("keys.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^\tKind\w+ += "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		require.True(t, seen[m[1]], "kind %s is not tested", m[1])
	}

	_, parts, _ := ParseKey(LicenceKey("farm-01", "川 01/2"))
	require.Equal(t, []string{"farm-01", "川 01/2"}, parts)
	require.Equal(t, trace.Key("batch/09520000100018/A%2F1"), BatchKey(trace.LotID{GTIN: "09520000100018", Lot: "A/1"}))
	require.Equal(t, trace.Key("seg/tracker-01/000000000007"), SegmentKey("tracker-01", 7))
	require.Equal(t, trace.Key("fact/lot/09520000100018~A%2F1/0012/log/0f"), FactKey(LotSubject(trace.LotID{GTIN: "09520000100018", Lot: "A/1"}), 12, "log", "0f"))
	require.Equal(t, "A%2F1", LastPart("batch/09520000100018/A%2F1"))
}

func TestForeignKeysAreNotOurs(t *testing.T) {
	for _, key := range []trace.Key{"", "/", "epoch/1", "batch", "batch/1", "batch/1/", "batch/1/2/3", "batch/1/a%2f", "batch/1/a%41", "batch/1/%", "balance", "balance/custody/x/1", "nobody/1", "fact/lot//0000/log/1"} {
		_, _, ok := ParseKey(key)
		require.False(t, ok, "%q", key)
	}
	for _, key := range []trace.Key{"batch/1/2", "fact/lot/x/12/log/1", "fact/lot/x/abcd/log/1", "fact/lot/x/-001/log/1"} {
		_, ok := ParseFactKey(key)
		require.False(t, ok, "%q", key)
	}
}

// Different lots never share a key or a subject, and each is read back from its subject.
func TestLotsAndSubjectsAreOneToOne(t *testing.T) {
	const ai82 = "!\"%&'()*+,-./_:;<=>?0123456789ABCxyz"
	lots := rapid.StringOfN(rapid.SampledFrom([]rune(ai82)), 1, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		a := trace.LotID{GTIN: "09520000100018", Lot: trace.LotNumber(lots.Draw(t, "a"))}
		b := trace.LotID{GTIN: "09520000100018", Lot: trace.LotNumber(lots.Draw(t, "b"))}
		require.Equal(t, a == b, BatchKey(a) == BatchKey(b))
		require.Equal(t, a == b, LotSubject(a) == LotSubject(b))
		back, ok := LotOf(LotSubject(a))
		require.True(t, ok)
		require.Equal(t, a, back)
		require.NoError(t, CheckSubject(LotSubject(a)))
		fact, ok := ParseFactKey(FactKey(LotSubject(a), 3, "log", "id"))
		require.True(t, ok)
		require.Equal(t, Fact{Subject: LotSubject(a), Freeze: 3, Kind: "log", ID: "id"}, fact)
	})
}

func TestCheckSubject(t *testing.T) {
	good := []trace.Subject{
		PlotSubject("farm-01", "plot-01", 2026), ShipmentSubject("ship-01"), ProductSubject("09520000100018"),
		PartySubject("farm-01"), PackSubject("PACK0001"), DeviceSubject("tracker-01"), {Kind: trace.SubjectStream, ID: "stream-1"},
	}
	for _, s := range good {
		require.NoError(t, CheckSubject(s), s)
	}
	producer, plot, season, ok := PlotOf(good[0])
	require.True(t, ok)
	require.Equal(t, []any{trace.PartyID("farm-01"), trace.PlotID("plot-01"), 2026}, []any{producer, plot, season})
	for _, s := range []trace.Subject{
		{}, {Kind: "thing", ID: "x"}, {Kind: trace.SubjectLot, ID: "09520000100018"}, {Kind: trace.SubjectLot, ID: "09520000100018~a%2f"},
		{Kind: trace.SubjectLot, ID: "09520000100017~A"}, {Kind: trace.SubjectPlot, ID: "farm-01~plot-01"}, {Kind: trace.SubjectPlot, ID: "farm-01~plot-01~+026"},
		{Kind: trace.SubjectPack, ID: "pack0001"}, {Kind: trace.SubjectParty, ID: "a/b"}, {Kind: trace.SubjectStream, ID: "../x"},
	} {
		require.NotEmpty(t, trace.CodeOf(CheckSubject(s)), s)
	}
}

// Keys of one device and of one subject sort by number.
func TestKeysSortByNumber(t *testing.T) {
	var keys []string
	for _, n := range []int64{1, 9, 10, 999, 1_000, 999_999_999_999} {
		keys = append(keys, string(SegmentKey("tracker-01", n)))
	}
	require.True(t, sort.StringsAreSorted(keys))
	require.True(t, strings.HasPrefix(string(RecallCodesKey(trace.CodeRange{Pack: "PACK0001", First: 1, Last: 2})), string(RecallCodesPrefix("PACK0001"))))
}

func TestValuesAreStrict(t *testing.T) {
	l := memory{}
	lot := trace.LotID{GTIN: "09520000100018", Lot: "A"}
	none, err := GetBatch(l, lot)
	require.NoError(t, err)
	require.Nil(t, none)
	zero, err := GetSeason(l, "farm-01", "plot-01", 2026)
	require.NoError(t, err)
	require.Zero(t, zero)

	batch := trace.Batch{Head: trace.Head{ID: "A", Party: "farm-01", Recorded: 1_790_000_000_000, Request: trace.DigestOf(nil)}, LotID: lot, Quantity: trace.Quantity{Amount: 5, Unit: trace.Gram}}
	require.NoError(t, Put(l, BatchKey(lot), &batch))
	back, err := GetBatch(l, lot)
	require.Error(t, err, "claimed is zero, which is no time of the chain")
	require.Nil(t, back)
	batch.Claimed = batch.Recorded
	require.NoError(t, Put(l, BatchKey(lot), &batch))
	back, err = GetBatch(l, lot)
	require.NoError(t, err)
	require.Equal(t, &batch, back)
	head, err := GetHead(l, BatchKey(lot))
	require.NoError(t, err)
	require.Equal(t, &batch.Head, head)

	for _, damaged := range []string{`{`, `{"id":"A","id":"B"}`, `{"nothing":1}`, `[]`} {
		l[string(BatchKey(lot))] = []byte(damaged)
		_, err := GetBatch(l, lot)
		require.ErrorContains(t, err, "damaged", damaged)
	}
}

func FuzzKey(f *testing.F) {
	for key := range allKeys() {
		f.Add(string(key))
	}
	f.Fuzz(func(t *testing.T, s string) {
		kind, parts, ok := ParseKey(trace.Key(s))
		if !ok {
			return
		}
		if kind == KindFact || kind == KindFreeze {
			return // a subject id stays encoded
		}
		require.Equal(t, s, string(key(kind, parts...)), "one key, one spelling")
		_, err := json.Marshal(parts)
		require.NoError(t, err)
	})
}
