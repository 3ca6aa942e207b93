//go:build soak

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSoakTalk has a thousand streams talk to a house on an embedded ledger for a minute:
// a verdict is on the chain within three seconds of the word.
func TestSoakTalk(t *testing.T) {
	dir := t.TempDir()
	t.Chdir("../..") // the labelled utterances lie there
	b, err := openBenchLedger(t.Context(), dir)
	require.NoError(t, err)
	defer b.close()
	figures, err := b.talkFigures(t.Context(), "speech-latency", b.engine, t.TempDir(), 0, netTalk)
	require.NoError(t, err)
	t.Log(figures)
	require.LessOrEqual(t, figures[0].value, float64(speechAllowed))
}
