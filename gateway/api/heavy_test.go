package api

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// TestLargeWorkIsBounded: what finds no turn is refused as busy, every turn comes back,
// also from work that failed, and one party does not take them all.
func TestLargeWorkIsBounded(t *testing.T) {
	a := &API{turns: newTurns(2)}
	gone, leave := context.WithCancel(t.Context())
	leave()
	failed := errors.New("the workbook is broken")
	nothing := func() error { return nil }
	err := a.heavy(t.Context(), "farm-01", func() error {
		require.Equal(t, ledger.CodeBusy, trace.CodeOf(a.heavy(gone, "farm-01", nothing)), "half of the turns for one party")
		return errors.Join(failed, a.heavy(t.Context(), "farm-02", func() error {
			require.Equal(t, ledger.CodeBusy, trace.CodeOf(a.heavy(gone, "farm-03", nothing)), "two turns in all")
			return nil
		}))
	})
	require.ErrorIs(t, err, failed)
	require.NoError(t, a.heavy(t.Context(), "farm-01", nothing))
	require.NoError(t, a.heavy(t.Context(), "farm-03", nothing))
}
