package monitor_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
	"traceledger/gateway/monitor/coldchain"
	"traceledger/gateway/monitor/monitortest"
)

// renamed is a monitor under a later version of its rule.
type renamed struct {
	monitor.Monitor
	rule monitor.Rule
}

func (r renamed) Rule() monitor.Rule { return r.rule }

// Two copies of a monitor that run side by side over a ledger that loses answers, stopped
// and begun anew in the middle, one of them under a new version of the rule after a while:
// each version's verdicts are there once, and of each version those that it looked at.
func TestTwoCopiesAndANewVersionOfARule(t *testing.T) {
	tr := newTrip(t)
	old := cold(t)
	newer := renamed{old, old.Rule()}
	newer.rule.Version, newer.rule.Content = "1.0.1", append([]byte("# 1.0.1\n"), newer.rule.Content...)
	away := &flaky{Ledger: monitortest.Submitter{Client: tr.monitor}}
	dirs := []string{t.TempDir(), t.TempDir()}
	run := func(copy int, m monitor.Monitor, until time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), until)
		defer cancel()
		r := tr.house.Runner(m, tr.monitor, dirs[copy])
		r.Publisher.Ledger, r.Publisher.Backoff, r.Publisher.Logger = away, time.Millisecond, slog.New(slog.DiscardHandler)
		require.ErrorIs(t, r.Run(ctx), context.DeadlineExceeded)
	}
	random := rand.New(rand.NewPCG(3, 3))
	for i := range 8 {
		tr.anchor(100, 110)
		tr.anchor(800, 820, 810)
		tr.anchor(120)
		var both sync.WaitGroup
		for copy := range dirs {
			m, until := old, time.Duration(random.IntN(25)+5)*time.Millisecond
			if copy == 1 && i >= 4 {
				m = newer
			}
			both.Go(func() { run(copy, m, until) })
		}
		both.Wait()
	}
	tr.house.Judge(tr.house.Runner(old, tr.monitor, dirs[0]))
	tr.house.Judge(tr.house.Runner(newer, tr.monitor, dirs[1]))
	want := map[string]int{
		"1.0.0 " + coldchain.TemperatureExcursion: 8, "1.0.0 " + coldchain.GoodsOutOfRange: 1,
		"1.0.1 " + coldchain.TemperatureExcursion: 8, "1.0.1 " + coldchain.GoodsOutOfRange: 1,
	}
	given := func() map[string]int {
		out := map[string]int{}
		for _, record := range tr.house.Verdicts() {
			var v trace.Verdict
			require.NoError(t, json.Unmarshal(record.Value, &v))
			out[v.Version+" "+v.Finding]++
		}
		return out
	}
	require.Equal(t, want, given())
	tr.house.Judge(tr.house.Runner(old, tr.monitor, t.TempDir()))
	tr.house.Judge(tr.house.Runner(newer, tr.monitor, t.TempDir()))
	require.Equal(t, want, given(), "all of it again writes nothing")
}
