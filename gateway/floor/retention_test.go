package floor_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// withoutRuns is the way to a ledger that takes no runs while it is closed.
type withoutRuns struct {
	floor.Ledger
	closed *atomic.Bool
}

func (w withoutRuns) Submit(ctx context.Context, as ledger.Identity, call ledger.Call) (ledger.Receipt, error) {
	if w.closed.Load() && call.Method == "AnchorTranscript" {
		return ledger.Receipt{}, trace.Errorf(ledger.CodeLedgerUnavailable, "injected")
	}
	return w.Ledger.Submit(ctx, as, call)
}

// runsHere tells of each run that was cut whether its file is here.
func (h *house) runsHere() (here []bool) {
	h.t.Helper()
	require.NoError(h.t, h.store.Floor().Each("run/", func(_ string, row []byte) error {
		var r struct{ Request trace.AnchorTranscriptRequest }
		require.NoError(h.t, json.Unmarshal(row, &r))
		_, found, err := h.store.Files().Stat(store.Hash(r.Request.Payload))
		here = append(here, found)
		return err
	}))
	return here
}

// Words go when their time is over and not before; what is not on the chain never goes,
// nor what an open verdict rests on.
func TestTranscriptsArePastTheirTime(t *testing.T) {
	var later atomic.Int64
	var closed atomic.Bool
	h := newHouse(t, func(c *floor.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
		c.Limits.RunAge = time.Hour // runs are cut by their count
	})
	h.stop()
	h.through = func(to floor.Ledger) floor.Ledger { return withoutRuns{to, &closed} }
	h.start()
	h.say(1, "一", "二", "三", "四", lowestTerm, "六")
	s := h.eventually("anchored", func(s *index.Stream) bool {
		return len(s.Verdicts) == 1 && len(s.Transcripts) == 1 && s.Transcripts[0].Utterances == 6
	})
	closed.Store(true)
	h.say(7, "七", "八", "九")
	require.Eventually(t, func() bool { return len(h.runsHere()) == 3 }, time.Minute, 10*time.Millisecond)
	input := s.Verdicts[0].Record.Input
	forget := func(after time.Duration) {
		later.Store(int64(after))
		require.NoError(t, h.floor.Forget(t.Context()))
	}

	forget(floor.DefaultKeep - time.Hour)
	require.Equal(t, []bool{true, true, true}, h.runsHere())
	forget(floor.DefaultKeep + time.Hour)
	require.Equal(t, []bool{false, true, true}, h.runsHere(), "an open verdict, and what is not on the chain")
	later.Store(0)
	h.crash()
	forget(floor.DefaultKeep + time.Hour)
	require.Equal(t, []bool{false, true, true}, h.runsHere())
	_, found, err := h.floor.Evidence(input)
	require.NoError(t, err)
	require.True(t, found)

	later.Store(0)
	h.Overturn(s.Verdicts[0].Provenance.Key)
	h.eventually("reviewed", func(s *index.Stream) bool { return len(s.Verdicts[0].Reviews) == 1 })
	forget(floor.DefaultKeep + time.Hour)
	require.Equal(t, []bool{false, false, true}, h.runsHere())
	_, found, err = h.floor.Evidence(input)
	require.NoError(t, err)
	require.False(t, found)

	later.Store(0)
	closed.Store(false)
	s = h.eventually("all on the chain", func(s *index.Stream) bool { return s.Transcripts[0].Utterances == 9 })
	require.Empty(t, s.Transcripts[0].Missing)
	require.Empty(t, s.Transcripts[0].Broken)
	through, err := h.floor.Accept(t.Context(), h.monitor(), h.Stream, h.spoken(1, "一", "二", "三"))
	require.NoError(t, err, "its words are gone, its numbers are known")
	require.EqualValues(t, 9, through)
	require.Equal(t, []bool{false, false, true}, h.runsHere())
	forget(floor.DefaultKeep + time.Hour)
	require.Equal(t, []bool{false, false, false}, h.runsHere())
}
