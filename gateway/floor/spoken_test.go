package floor_test

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
)

// From a verdict that came before its run was anchored a third party gets to the run and
// sees, from the records on the chain and the proof alone, that the very words that were
// judged stand in it.
func TestWordsOfAVerdictStandInAnAnchoredRun(t *testing.T) {
	var closed atomic.Bool
	closed.Store(true)
	h := newHouse(t, func(c *floor.Config) { c.Limits.RunAge = time.Hour }) // runs are cut by their count
	h.stop()
	h.through = func(to floor.Ledger) floor.Ledger { return withoutRuns{to, &closed} }
	h.start()
	h.say(1, "大家好", "今天"+lowestTerm, "三")
	s := h.eventually("a verdict", func(s *index.Stream) bool { return len(s.Verdicts) == 1 })
	key := s.Verdicts[0].Provenance.Key
	_, err := h.floor.Words(key)
	require.Equal(t, trace.CodeNotReady, trace.CodeOf(err), "%v", err)

	closed.Store(false)
	h.eventually("anchored", func(s *index.Stream) bool { return len(s.Transcripts) == 1 && s.Transcripts[0].Utterances == 3 })
	found, err := h.floor.Words(key)
	require.NoError(t, err)
	require.Equal(t, 2, found.Proof.Number)
	require.Contains(t, found.Proof.Line, lowestTerm)

	// The third party has the two records and the proof.
	verdict, run := recordAt[trace.Verdict](h, key), recordAt[trace.UtteranceRun](h, found.Run)
	require.Equal(t, run.Root, found.Root)
	require.NoError(t, rules.CheckSpoken(verdict, run, &found.Proof))

	for _, c := range []struct {
		name string
		key  trace.Key
		want trace.Code
	}{
		{"no verdict", "fact/stream/live-01/0/verdict/00", trace.CodeNotFound},
		{"another record", found.Run, trace.CodeNotFound},
	} {
		_, err := h.floor.Words(c.key)
		require.Equal(t, c.want, trace.CodeOf(err), c.name)
	}

	// A verdict on words that nobody said is found out once the transcript has passed them.
	for n, want := range map[int]trace.Code{0: trace.CodeNotFound, 2: trace.CodeNotReady} { // at the beginning, and after 20 s
		forged := h.Monitor.Must("verdict:Give", h.VerdictRequest(h.Host.Party, n)).Record
		h.caughtUp()
		_, err = h.floor.Words(forged)
		require.Equal(t, want, trace.CodeOf(err), "%v", err)
	}

	require.NoError(t, h.store.Files().Erase(store.Hash(run.Payload)))
	_, err = h.floor.Words(key)
	require.Equal(t, store.CodeFileUnknown, trace.CodeOf(err), "%v", err)
}

func recordAt[T any](h *house, key trace.Key) *T {
	h.t.Helper()
	rec, found, err := h.index.Record(key)
	require.NoError(h.t, err)
	require.True(h.t, found, key)
	out := new(T)
	require.NoError(h.t, json.Unmarshal(rec.Value, out))
	return out
}
