package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTalkFigures: streams that talk to a house on an embedded ledger are judged, and the
// figure counts every violation that was spoken.
func TestTalkFigures(t *testing.T) {
	dir := t.TempDir()
	t.Chdir("../..") // the labelled utterances lie there
	b, err := openBenchLedger(t.Context(), dir)
	require.NoError(t, err)
	defer b.close()
	for run := range 2 {
		figures, err := b.talkFigures(t.Context(), "speech-latency", b.engine, t.TempDir(), run, talkPlan{streams: 20, every: 100 * time.Millisecond, during: time.Second, oneIn: 5})
		require.NoError(t, err)
		require.Len(t, figures, 2)
		t.Log(figures)
		require.Equal(t, "speech-latency", figures[0].name)
		require.Positive(t, figures[1].value)
		require.GreaterOrEqual(t, figures[0].value, figures[1].value, "p99 and p50")
		require.Regexp(t, `^allowed \([1-9][0-9]* verdicts; 20\.0 % of 200 utterances violate\)$`, figures[0].against)
	}
}
