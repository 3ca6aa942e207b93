package contract

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// committed is a world state that a submission reads.
type committed map[string][]byte

func (c committed) GetState(key string) ([]byte, error)     { return c[key], nil }
func (c committed) PutState(key string, value []byte) error { c[key] = value; return nil }

// Raising a subject's freeze number moves later facts behind it. A retry of a fact
// that was written before is still recognised, and a correction still finds it.
func TestFactsAcrossAFreeze(t *testing.T) {
	world := committed{}
	lot := state.LotSubject(trace.LotID{GTIN: "09520000100018", Lot: "A"})
	begin := func(idempotencyKey, content string) *submission {
		return &submission{
			Ledger: world, Caller: Caller{MSP: trace.ProducerMSP, Role: trace.RoleFarm, Party: "farm-01"},
			write: trace.Write{IdempotencyKey: idempotencyKey}, digest: trace.DigestOf([]byte(content)),
			head: trace.Head{Claimed: 1_790_000_000_000}, Now: 1_790_000_000_000,
		}
	}
	record := func(s *submission) {
		require.NoError(t, state.Put(world, s.key, &trace.LogEntry{Head: s.header(), At: 1_790_000_000_000}))
	}
	first := begin("key-1", "first")
	require.NoError(t, first.fact(lot, state.FactLog))
	require.Contains(t, string(first.key), "/0000/log/")
	record(first)

	require.NoError(t, state.Put(world, state.FreezeKey(lot), trace.FreezeNumber{Number: 2}))
	require.Equal(t, trace.CodeAlreadyRecorded, trace.CodeOf(begin("key-1", "first").fact(lot, state.FactLog)))
	require.Equal(t, trace.CodeAlreadyExists, trace.CodeOf(begin("key-1", "other").fact(lot, state.FactLog)))

	later := begin("key-2", "later")
	later.write.Corrects, later.write.CorrectionReason = first.key, "写错"
	require.NoError(t, later.fact(lot, state.FactLog))
	require.Contains(t, string(later.key), "/0002/log/")
	require.Equal(t, 2, later.header().Freeze)

	foreign := begin("key-3", "foreign")
	foreign.Caller.Party = "farm-02"
	foreign.write.Corrects = first.key
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(foreign.fact(lot, state.FactLog)))
	elsewhere := begin("key-4", "elsewhere")
	elsewhere.write.Corrects = first.key
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(elsewhere.fact(state.LotSubject(trace.LotID{GTIN: "09520000100018", Lot: "B"}), state.FactLog)))
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(elsewhere.fact(lot, state.FactCertificate)))
	require.NotEmpty(t, trace.CodeOf(elsewhere.fact(trace.Subject{Kind: trace.SubjectLot, ID: "x/y"}, state.FactLog)))
}

// Every method of the catalogue has a contract method of that name, and contracts
// have no others but Get.
func TestContractsAreTheCatalogue(t *testing.T) {
	chaincode, err := New()
	require.NoError(t, err)
	for name := range chaincode.known {
		require.NotEmpty(t, name)
	}
	contracts := map[string]any{
		"registry": &Registry{}, "standards": &Standards{}, "origin": &Origin{}, "code": &Code{},
		"inspection": &Inspection{}, "transit": &Transit{}, "stream": &Stream{}, "rulebook": &Rulebook{}, "verdict": &Verdict{}, "enforcement": &Enforcement{},
	}
	inherited := exported(&subject{})
	methods := map[string]int{}
	for _, m := range trace.Methods() {
		require.Contains(t, exported(contracts[m.Contract]), m.Name, m.Transaction())
		methods[m.Contract]++
	}
	for name, c := range contracts {
		require.Len(t, exported(c), methods[name]+len(inherited), name)
	}
}

func exported(contract any) []string {
	var names []string
	for m := range reflect.TypeOf(contract).Methods() {
		names = append(names, m.Name)
	}
	return names
}
