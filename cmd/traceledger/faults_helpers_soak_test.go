//go:build soak

package main

import (
	"slices"
	"testing"
	"time"

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

// mayRepeat is how many requests were answered so that they may be repeated.
func (w *writers) mayRepeat() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused + w.unknown
}

// firstAfter is when the first lot after a moment was acknowledged.
func (w *writers) firstAfter(moment time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.times, moment.Before)
	if i < 0 {
		return time.Time{}
	}
	return w.times[i]
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
