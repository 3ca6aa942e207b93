package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// Each difference between the original and what is imported has its refusal.
func TestSameRequest(t *testing.T) {
	source := &trace.SourceLedger{Channel: "trace", Chaincode: "trace"}
	facts := func() OriginalFacts {
		return OriginalFacts{
			Channel: "trace", Chaincode: "trace", MSP: trace.LabMSP, Role: trace.RoleLab, Party: "lab-01", At: 1_000_000,
			Arguments: [][]byte{[]byte("inspection:Report"), []byte(`{}`)}, Endorsers: []string{trace.LabMSP, trace.PlatformMSP},
		}
	}
	guards := []string{trace.LabMSP}
	require.NoError(t, SameRequest(source, facts(), facts(), guards))
	for name, change := range map[string]func(o *OriginalFacts){
		"channel":         func(o *OriginalFacts) { o.Channel = "other" },
		"chaincode":       func(o *OriginalFacts) { o.Chaincode = "other" },
		"organisation":    func(o *OriginalFacts) { o.MSP = trace.CarrierMSP },
		"role":            func(o *OriginalFacts) { o.Role = trace.RoleCarrier },
		"party":           func(o *OriginalFacts) { o.Party = "lab-02" },
		"from the future": func(o *OriginalFacts) { o.At += trace.ClockSkew + 1 },
		"method":          func(o *OriginalFacts) { o.Arguments[0] = []byte("inspection:Review") },
		"request":         func(o *OriginalFacts) { o.Arguments[1] = []byte(`{ }`) },
		"more arguments":  func(o *OriginalFacts) { o.Arguments = append(o.Arguments, nil) },
		"endorsement":     func(o *OriginalFacts) { o.Endorsers = []string{trace.PlatformMSP} },
	} {
		original := facts()
		change(&original)
		require.Equal(t, trace.CodeEvidence, trace.CodeOf(SameRequest(source, original, facts(), guards)), name)
	}
}

// The hourly touch neither opens nor closes an import, and forgets none.
func TestTheEpochKeepsTheImport(t *testing.T) {
	gate := &trace.ImportGate{Genesis: trace.DigestOf(nil), Open: true}
	next, err := NextEpoch(&trace.Epoch{Number: 4, Import: gate}, 5, 9)
	require.NoError(t, err)
	require.Equal(t, gate, next.Import)
	require.NoError(t, MayWriteNow(nil, false))
	require.NoError(t, MayWriteNow(gate, true))
	require.NoError(t, MayWriteNow(&trace.ImportGate{Genesis: gate.Genesis}, false))
	require.Equal(t, trace.CodeImport, trace.CodeOf(MayWriteNow(gate, false)))
	require.Equal(t, trace.CodeImport, trace.CodeOf(MayWriteNow(nil, true)))
	require.Equal(t, trace.CodeImport, trace.CodeOf(MayWriteNow(&trace.ImportGate{Genesis: gate.Genesis}, true)))
}
