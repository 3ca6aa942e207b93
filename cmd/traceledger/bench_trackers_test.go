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
	told := 0
	for run, each := 0, 1_500; told < 2; run++ {
		work, err := b.terminalWork(t.Context(), t.TempDir(), run, each, func() (time.Duration, error) { return processorTime(os.Getpid()) })
		require.NoError(t, err)
		t.Logf("%+v", work)
		require.Positive(t, work.rate)
		if work.ours > 0 && work.trackers > 0 {
			told++
			continue
		}
		// A fast machine needs less than the hundredth of a second that the system counts in.
		each *= 4
		require.Less(t, each, 50_000, "processor time is not told")
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
