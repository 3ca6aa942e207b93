//go:build soak

package main

import (
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"traceledger/network/fabric"
)

// acknowledge counts a lot that the test itself has registered beside them.
func (w *writers) acknowledge(lot, transaction string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acknowledged[lot] = transaction
}

// transactionOn asks an organisation's peer by itself for a transaction: its validation
// code, false when the peer has none of the id.
func transactionOn(t *testing.T, network *fabric.Network, msp, transaction string) (peer.TxValidationCode, bool) {
	t.Helper()
	raw, err := auditor(t, network, msp).GetContract("qscc").Evaluate("GetTransactionByID", client.WithArguments(network.Channel(), transaction), client.WithEndorsingOrganizations(msp))
	if err != nil {
		require.Contains(t, wholeText(err), "no such transaction ID")
		return 0, false
	}
	var found peer.ProcessedTransaction
	require.NoError(t, proto.Unmarshal(raw, &found))
	return peer.TxValidationCode(found.GetValidationCode()), true
}
