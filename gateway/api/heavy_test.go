package api

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// TestLargeWorkIsBounded: what finds no turn is refused as busy, and every turn comes
// back, also from work that failed.
func TestLargeWorkIsBounded(t *testing.T) {
	a := &API{turns: make(chan struct{}, 1)}
	gone, leave := context.WithCancel(t.Context())
	leave()
	failed := errors.New("the workbook is broken")
	err := a.heavy(t.Context(), func() error {
		second := a.heavy(gone, func() error { return errors.New("ran beside the first") })
		require.Equal(t, ledger.CodeBusy, trace.CodeOf(second))
		return failed
	})
	require.ErrorIs(t, err, failed)
	require.NoError(t, a.heavy(t.Context(), func() error { return nil }))
}
