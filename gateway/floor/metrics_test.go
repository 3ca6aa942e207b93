package floor_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
)

// figures reads metrics as a scrape does: name{values of labels}, and of a histogram how
// often something was observed.
func figures(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			out[strings.TrimPrefix(name, "traceledger_")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// What an operator watches moves: words come in, verdicts, steps and runs go out, a
// receiver that is away leaves deliveries behind, and one that refuses leaves dead ones.
func TestWhatAnOperatorSees(t *testing.T) {
	r := newReceiver(t)
	r.set(http.StatusServiceUnavailable)
	counters := floor.NewMetrics()
	registry := prometheus.NewRegistry()
	registry.MustRegister(counters)
	h := newHouse(t, func(c *floor.Config) {
		hooked(r)(c)
		c.Metrics = counters
		c.Limits.RunAge = time.Hour // runs are cut by their count
	})
	see := func() map[string]float64 { return figures(t, registry) }
	require.Zero(t, see()["floor_utterances_total"])

	h.say(1, "大家好", lowestTerm, lowestTerm, lowestTerm, "五", "六")
	_, err := h.floor.Accept(t.Context(), h.monitor(), h.Stream, h.spoken(9, "缺了几句"))
	require.Equal(t, trace.CodeSequence, trace.CodeOf(err))
	leave := h.floor.Connected("events")
	h.eventually("a hint, and all anchored", func(s *index.Stream) bool {
		return len(s.Actions) == 1 && len(s.Transcripts) == 1 && s.Transcripts[0].Utterances == 6
	})
	r.wait(t, 2) // the receiver was asked twice: once is written down
	for name, want := range map[string]float64{
		"floor_utterances_total":                              6,
		"floor_refused_total{SEQUENCE}":                       1,
		"floor_transcripts":                                   1,
		"floor_connections{events}":                           1,
		"floor_waiting_utterances":                            0,
		"floor_waiting_seconds":                               0,
		"floor_queued{judge}":                                 0,
		"floor_verdicts_total{absolute-term,given}":           3,
		"floor_verdict_seconds":                               3,
		"floor_runs_total{anchored}":                          2,
		"floor_steps_total{" + string(trace.ActionHint) + "}": 1,
		"webhook_pending{app}":                                1,
		"webhook_dead{app}":                                   0,
	} {
		require.Eventually(t, func() bool { return see()[name] == want }, time.Minute, 10*time.Millisecond, "%s: %v, not %v", name, see()[name], want)
	}
	now := see()
	require.GreaterOrEqual(t, now["webhook_deliveries_total{app,again}"], 1.0)
	require.Positive(t, now["webhook_pending_seconds{app}"])

	leave()
	r.set(http.StatusGone)
	r.wait(t, 1)
	require.Eventually(t, func() bool {
		now = see()
		// What is pending is counted before what is dead.
		return now["webhook_dead{app}"] == 1 && now["webhook_deliveries_total{app,dead}"] == 1 && now["webhook_pending{app}"] == 0
	}, 10*time.Minute, 10*time.Millisecond, "it is asked again after as long as it has been away")
	require.Zero(t, now["webhook_pending_seconds{app}"])
	require.Zero(t, now["floor_connections{events}"])

	h.stop()
	require.NotPanics(t, func() { see() }, "a scrape while the process ends touches no store")
}
