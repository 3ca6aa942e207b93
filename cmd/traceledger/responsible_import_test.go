package main

import (
	"encoding/json"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/evidence"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/network/block"
)

// caseBeforeFounding is a transaction that a channel takes once, while nothing is
// recorded.
type caseBeforeFounding struct {
	transaction string
	prepare     func() (responsibleCall, error)
}

// casesBeforeFounding are those of the import, in their order: an earlier ledger with one
// transaction, the regulator's admission, is moved to the channel.
func casesBeforeFounding(w *responsibleWorld) []caseBeforeFounding {
	source := w.earlierLedger()
	return []caseBeforeFounding{
		{"registry:OpenImport", func() (responsibleCall, error) {
			return responsibleCall{request: &trace.OpenImportRequest{Write: w.write(0), SourceLedger: source.of}}, nil
		}},
		{"registry:CloseImport", func() (responsibleCall, error) {
			return responsibleCall{request: &trace.CloseImportRequest{Write: w.write(0), Genesis: source.of.Genesis}}, w.importAdmission(source)
		}},
	}
}

// earlierLedger is a ledger to be imported, and the one transaction on it that is.
type earlierLedger struct {
	of        trace.SourceLedger
	admission *trace.AdmitPartyRequest
	evidence  trace.Evidence
}

// earlierLedger opens an embedded ledger and admits the regulator there.
func (w *responsibleWorld) earlierLedger() earlierLedger {
	ledger := contracttest.Open(w.t)
	ledger.Prepare()
	const regulator = trace.PartyID(trace.RoleRegulator)
	earlier := earlierLedger{admission: w.admission(regulator, trace.RoleRegulator)}
	ledger.Enrol(trace.RoleRegulator, regulator).Must("registry:AdmitParty", earlier.admission)

	blocks := ledger.Blocks()
	last := blocks[len(blocks)-1]
	number, envelope := int64(last.GetHeader().GetNumber()), last.GetData().GetData()[0]
	original, err := evidence.Read(envelope)
	require.NoError(w.t, err)
	require.Equal(w.t, "registry:AdmitParty", string(original.Facts.Arguments[0]))
	leaves := []trace.Digest{rules.ImportLeaf(number, 0, trace.DigestOf(envelope))}
	earlier.evidence = trace.Evidence{Block: number, Envelope: envelope}
	var proved bool
	earlier.evidence.Proof, proved = rules.InclusionProof(leaves, 0)
	require.True(w.t, proved)
	earlier.of = trace.SourceLedger{
		Genesis: trace.Digest(block.HeaderHash(blocks[0].GetHeader())), Height: int64(len(blocks)), Tip: trace.Digest(block.HeaderHash(last.GetHeader())),
		Channel: contracttest.Channel, Chaincode: contracttest.Chaincode, Count: 1, Root: rules.MerkleRoot(leaves), Archive: trace.DigestOf([]byte("archive")),
	}
	for _, msp := range trace.MSPs() {
		earlier.of.Authorities = append(earlier.of.Authorities, trace.SourceAuthority{MSP: msp, Certificates: []string{string(ledger.CACertPEM(msp))}})
	}
	return earlier
}

// importAdmission takes over the earlier ledger's one transaction.
func (w *responsibleWorld) importAdmission(earlier earlierLedger) error {
	raw, err := json.Marshal(earlier.evidence)
	if err != nil {
		return err
	}
	regulator, err := w.member(earlier.admission.Party, trace.RoleRegulator)
	if err != nil {
		return err
	}
	transient := map[string][]byte{trace.TransientEvidence: raw}
	_, code, err := regulator.submit(w.t.Context(), "registry:AdmitParty", earlier.admission, transient, trace.MSPs()...)
	if err == nil && code != peer.TxValidationCode_VALID {
		err = fmt.Errorf("the import of an admission ended %s", code)
	}
	return err
}
