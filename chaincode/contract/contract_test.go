package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

func TestLotFromSprayToCodes(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	k.Farm.Must("origin:AddLogEntry", k.SprayRequest(20))
	lot := k.Batch("PJ261018-A", 1920)
	receipt := k.Farm.Must("origin:IssueCertificate", &trace.IssueCertificateRequest{
		Write: k.Write(), LotID: lot, Basis: []trace.CertificateBasis{trace.BasisQualityControl}, IssuedOn: k.HarvestedAt.Date(),
	})
	require.Equal(t, state.FactKey(state.LotSubject(lot), 0, state.FactCertificate, receipt.ID), receipt.Record)
	k.ActivatePack("PACK0001", 1920, lot)
	custody := contracttest.Value[trace.PackCustody](k.Ledger, state.PackCustodyKey("PACK0001"))
	require.Len(t, custody.Spans, 1)
	require.Equal(t, trace.PartyID("farm-01"), custody.Spans[0].Holder.Party)
}
