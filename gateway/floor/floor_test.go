package floor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
)

func kinds(s *index.Stream) []trace.ActionKind {
	var out []trace.ActionKind
	for _, a := range s.Actions {
		out = append(out, a.Record.Kind)
	}
	return out
}

// Words go in at one end; at the other the host was warned, limited and cut, and the
// transcript is anchored. Overturned, the ladder comes down by itself.
func TestFromTheSpokenWordToTheLadder(t *testing.T) {
	h := newHouse(t, nil)
	h.say(1, "大家好", "全网最低价", "放软三天内是最佳食用期", "今天全网最低价", "全网最低价，没有之一")
	s := h.eventually("a hint", func(s *index.Stream) bool { return len(s.Actions) == 1 })
	require.Equal(t, trace.ActionHint, s.Actions[0].Record.Kind)
	require.Len(t, s.Verdicts, 3)
	slices.SortFunc(s.Verdicts, func(a, b index.Verdict) int { return int(a.Record.Observed - b.Record.Observed) })
	first := s.Verdicts[0]
	v := first.Record
	require.Equal(t, "absolute-term", v.Finding)
	require.Equal(t, h.Began+2_000, v.Observed)
	require.Equal(t, h.Host.Party, v.Host)

	h.say(6, "全网最低价", "还是全网最低价")
	s = h.eventually("a cut", func(s *index.Stream) bool { return len(s.Actions) == 3 })
	require.Equal(t, []trace.ActionKind{trace.ActionHint, trace.ActionLimit, trace.ActionCut}, kinds(s))

	s = h.eventually("all anchored", func(s *index.Stream) bool {
		return len(s.Transcripts) == 1 && s.Transcripts[0].Utterances == 7
	})
	require.Empty(t, s.Transcripts[0].Missing)
	require.Empty(t, s.Transcripts[0].Broken)

	e, found, err := h.floor.Evidence(v.Input)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "全网最低价", e.Utterance.Text)
	require.Equal(t, lowestTerm, e.Utterance.Text[e.Terms[0].Begin:e.Terms[0].End])
	require.Equal(t, "大家好", e.Before[0].Text)
	require.Equal(t, "放软三天内是最佳食用期", e.After[0].Text)

	h.Overturn(first.Provenance.Key)
	s = h.eventually("lowered", func(s *index.Stream) bool { return len(s.Actions) == 4 })
	require.Equal(t, trace.ActionLower, s.Actions[3].Record.Kind)
	require.Len(t, s.Ladders[0].State.Steps, 2)
}

// What a transcriber may not send changes nothing.
func TestUtterancesThatAreRefused(t *testing.T) {
	h := newHouse(t, func(c *floor.Config) { c.Limits.PerSecond, c.Limits.Burst = 0.001, 50 })
	h.say(1, "一", "二")
	bad := func(change func(*floor.Spoken)) []floor.Spoken {
		batch := h.spoken(3, "三", "四")
		change(&batch[1])
		return batch
	}
	as := func(role trace.Role, party trace.PartyID) floor.Transcriber {
		return floor.Transcriber{Party: party, Role: role, Enrolment: "monitor-01@monitor"}
	}
	cases := []struct {
		name   string
		who    floor.Transcriber
		stream trace.StreamID
		batch  []floor.Spoken
		want   trace.Code
	}{
		{name: "over 16 KiB", batch: bad(func(u *floor.Spoken) { u.Text = strings.Repeat("x", floor.MaxUtteranceBytes+1) }), want: trace.CodeTooLarge},
		{name: "too many characters", batch: bad(func(u *floor.Spoken) { u.Text = strings.Repeat("价", trace.MaxUtteranceRunes+1) }), want: trace.CodeTooLarge},
		{name: "empty", batch: bad(func(u *floor.Spoken) { u.Text = "" }), want: trace.CodeTooLarge},
		{name: "not UTF-8", batch: bad(func(u *floor.Spoken) { u.Text = "\xff" }), want: trace.CodeInvalid},
		{name: "no batch", want: trace.CodeTooLarge},
		{name: "number 0", batch: bad(func(u *floor.Spoken) { u.Number = 0 }), want: trace.CodeInvalid},
		{name: "a number left out", batch: bad(func(u *floor.Spoken) { u.Number = 5 }), want: trace.CodeSequence},
		{name: "a number with other content", batch: []floor.Spoken{h.spoken(2, "改了")[0]}, want: trace.CodeAlreadyExists},
		{name: "ends before it begins", batch: bad(func(u *floor.Spoken) { u.To = u.From - 1 }), want: trace.CodeChronology},
		{name: "before the one before", batch: bad(func(u *floor.Spoken) { u.From -= 5_000 }), want: trace.CodeChronology},
		{name: "before the stream was on file", batch: bad(func(u *floor.Spoken) { u.From -= 3_600_000; u.To = u.From }), want: trace.CodeChronology},
		{name: "from the future", batch: bad(func(u *floor.Spoken) { u.From += 3_600_000; u.To = u.From }), want: trace.CodeChronology},
		{name: "a host of another stream", batch: bad(func(u *floor.Spoken) { u.Host = "host-99" }), want: trace.CodeForbidden},
		{name: "a stream nobody opened", stream: "live-99", batch: h.spoken(3, "三"), want: trace.CodeNotFound},
		{name: "no name of a stream", stream: "../live", batch: h.spoken(3, "三"), want: trace.CodeInvalid},
		{name: "a host as transcriber", who: as(trace.RoleHost, "host-01"), batch: h.spoken(3, "三"), want: trace.CodeForbidden},
		{name: "the operator of another room", who: as(trace.RoleRoomOperator, "room-operator-99"), batch: h.spoken(1, "一"), want: trace.CodeForbidden},
		{name: "a flood", batch: h.spoken(3, strings.Fields(strings.Repeat("话 ", 60))...), want: floor.CodeRateLimited},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			who, stream := c.who, c.stream
			if who.Party == "" {
				who = h.monitor()
			}
			if stream == "" {
				stream = h.Stream
			}
			_, err := h.floor.Accept(t.Context(), who, stream, c.batch)
			require.Equal(t, c.want, trace.CodeOf(err), "%v", err)
			through, err := h.floor.Transcribed("monitor-01", h.Stream)
			require.NoError(t, err)
			require.EqualValues(t, 2, through)
		})
	}
	h.say(1, "一", "二") // the same again is acknowledged again
	s := h.eventually("anchored", func(s *index.Stream) bool { return len(s.Transcripts) == 1 })
	require.Equal(t, 2, s.Transcripts[0].Utterances)
	h.say(1, "一", "二") // also when it is in a run
	_, err := h.floor.Accept(t.Context(), h.monitor(), h.Stream, h.spoken(2, "改了"))
	require.Equal(t, trace.CodeAlreadyExists, trace.CodeOf(err), "%v", err)
}

// While the ledger is slow to take runs, words gather in longer ones, and verdicts pass by.
func TestRunsGrowWhileOthersWait(t *testing.T) {
	counters, registry := floor.NewMetrics(), prometheus.NewRegistry()
	registry.MustRegister(counters)
	h := newHouse(t, func(c *floor.Config) {
		c.Limits = floor.Limits{InFlight: 1, RunAge: time.Millisecond, Retry: 50 * time.Millisecond}
		c.Metrics = counters
	})
	h.stop()
	h.hold = make(chan struct{})
	h.start()
	for n := range int64(40) {
		h.say(n+1, "大家好")
	}
	h.say(41, lowestTerm)
	s := h.eventually("the verdict", func(s *index.Stream) bool { return len(s.Verdicts) == 1 })
	require.Empty(t, s.Transcripts)
	require.Eventually(t, func() bool { return figures(t, registry)["floor_waiting_seconds"] == 0 }, time.Minute, 10*time.Millisecond, "all are judged")
	close(h.hold)
	s = h.eventually("all said", func(s *index.Stream) bool { return len(s.Transcripts) == 1 && s.Transcripts[0].Utterances == 41 })
	require.LessOrEqual(t, s.Transcripts[0].Runs, 3, "one under way, one waiting, and the rest")
}

// However often the power fails, what was acknowledged is on the chain once: each
// utterance in one run, each violation one verdict, each step taken once.
func TestWhatWasAcknowledgedSurvivesCrashes(t *testing.T) {
	h := newHouse(t, nil)
	n := int64(1)
	for round := range 5 {
		for range 4 {
			text := "大家好"
			if n%5 == 0 {
				text = lowestTerm
			}
			h.say(n, text)
			n++
		}
		if round == 2 { // once with everything settled, so that a run on the chain is met again
			h.eventually("anchored", func(s *index.Stream) bool {
				return len(s.Transcripts) == 1 && int64(s.Transcripts[0].Utterances) == n-1
			})
		}
		h.crash()
		h.say(max(1, n-2), h.texts(max(1, n-2), n-1)...) // the transcriber did not get its answer
	}
	s := h.eventually("all anchored", func(s *index.Stream) bool {
		return len(s.Transcripts) == 1 && int64(s.Transcripts[0].Utterances) == n-1 && len(s.Actions) == 2
	})
	require.Empty(t, s.Transcripts[0].Missing)
	require.Empty(t, s.Transcripts[0].Broken)
	require.Len(t, s.Verdicts, int(n-1)/5)
	require.Equal(t, []trace.ActionKind{trace.ActionHint, trace.ActionLimit}, kinds(s))
}

func (h *house) texts(from, to int64) (out []string) {
	for n := from; n <= to; n++ {
		if n%5 == 0 {
			out = append(out, lowestTerm)
		} else {
			out = append(out, "大家好")
		}
	}
	return out
}
