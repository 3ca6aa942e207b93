package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTerminalWork: trackers in a process of their own get everything onto an embedded
// ledger, twice, and both sides' processor time is told.
func TestTerminalWork(t *testing.T) {
	b, err := openBenchLedger(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer b.close()
	for run := range 2 {
		work, err := b.terminalWork(t.Context(), t.TempDir(), run, 1_500, func() (time.Duration, error) { return processorTime(os.Getpid()) })
		require.NoError(t, err)
		t.Logf("%+v", work)
		require.Positive(t, work.rate)
		require.Positive(t, work.ours)
		require.Positive(t, work.trackers)
	}
}

// TestTrackersThatFail: what goes wrong in their process is told.
func TestTrackersThatFail(t *testing.T) {
	err := runTrackers(t.Context(), "{", nil, nil)
	require.ErrorContains(t, err, "-trackers")
	var exit interface{ ExitCode() int }
	_, err = startTrackers(t.Context(), trackerPlan{Run: -1, Each: 1})
	require.ErrorContains(t, err, "did not say")
	require.True(t, errors.As(err, &exit), "%v", err)
}
