package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func ladderRules() trace.LadderRules {
	return trace.LadderRules{
		Row: 3, WindowSeconds: 600, Further: 1, ResetSeconds: 1800, Steps: LadderSteps(),
		Levels: []trace.VerdictLevel{trace.LevelViolation},
	}
}

func books(l trace.LadderRules) []trace.Rulebook {
	return []trace.Rulebook{{Version: "1", Effective: day("2026-01-01"), Ladder: l}}
}

// live is the moment so many seconds into the stream of the tests.
func live(second int64) trace.Time {
	return at("2026-10-20T20:00:00+08:00") + trace.Time(second)*1000
}

func violation(second int64) trace.LadderCause {
	return trace.LadderCause{Verdict: trace.Key(fmt.Sprintf("v%06d", second)), At: live(second), Level: trace.LevelViolation}
}

func violations(seconds ...int64) []trace.LadderCause {
	var out []trace.LadderCause
	for _, s := range seconds {
		out = append(out, violation(s))
	}
	return out
}

func TestClimb(t *testing.T) {
	warnings := violations(0, 10, 20)
	for i := range warnings {
		warnings[i].Level = trace.LevelWarning
	}
	twin := violation(20)
	twin.Verdict = "twin"
	midnight := at("2026-10-21T00:00:00+08:00")
	across := []trace.LadderCause{
		{Verdict: "a", At: midnight - 20_000, Level: trace.LevelViolation}, {Verdict: "b", At: midnight - 10_000, Level: trace.LevelViolation},
		{Verdict: "c", At: midnight, Level: trace.LevelViolation},
	}
	for name, c := range map[string]struct {
		books    []trace.Rulebook
		standing []trace.LadderCause
		steps    int
	}{
		"nothing":                        {books(ladderRules()), nil, 0},
		"two are no row":                 {books(ladderRules()), violations(0, 10), 0},
		"three are":                      {books(ladderRules()), violations(0, 10, 20), 1},
		"the window's last second":       {books(ladderRules()), violations(0, 10, 600), 1},
		"a second beyond the window":     {books(ladderRules()), violations(0, 10, 601), 0},
		"a row that begins later":        {books(ladderRules()), violations(0, 550, 650, 700), 1},
		"a further one":                  {books(ladderRules()), violations(0, 10, 20, 1500), 2},
		"two further ones":               {books(ladderRules()), violations(0, 10, 20, 30, 40), 3},
		"there is nothing above":         {books(ladderRules()), violations(0, 10, 20, 30, 40, 50, 60), 3},
		"the last quiet second":          {books(ladderRules()), violations(0, 10, 20, 1820), 2},
		"quiet begins anew":              {books(ladderRules()), violations(0, 10, 20, 1821), 0},
		"and starts again":               {books(ladderRules()), violations(0, 10, 20, 30, 1831, 1841, 1851), 1},
		"the same words found twice":     {books(ladderRules()), append(violations(0, 20), twin), 0},
		"warnings do not count":          {books(ladderRules()), warnings, 0},
		"unless the rulebook says so":    {books(with(func(l *trace.LadderRules) { l.Levels = append(l.Levels, trace.LevelWarning) })), warnings, 1},
		"one is enough":                  {books(with(func(l *trace.LadderRules) { l.Row = 1 })), violations(0), 1},
		"two for each further step":      {books(with(func(l *trace.LadderRules) { l.Further = 2 })), violations(0, 10, 20, 30), 1},
		"two for each further step, two": {books(with(func(l *trace.LadderRules) { l.Further = 2 })), violations(0, 10, 20, 30, 40), 2},
		"a shorter ladder":               {books(with(func(l *trace.LadderRules) { l.Steps = l.Steps[:1] })), violations(0, 10, 20, 30), 1},
		"no rulebook yet":                {[]trace.Rulebook{{Effective: day("2026-10-21"), Ladder: ladderRules()}}, violations(0, 10, 20), 0},
		"the rulebook of the facts' own day": {append(books(ladderRules()), trace.Rulebook{
			Version: "2", Effective: day("2026-10-21"), Ladder: with(func(l *trace.LadderRules) { l.Row = 4 }),
		}), across, 0},
		"a newer rulebook is not yet in force": {append(books(ladderRules()), trace.Rulebook{
			Version: "2", Effective: day("2026-10-22"), Ladder: with(func(l *trace.LadderRules) { l.Row = 4 }),
		}), across, 1},
	} {
		require.Equal(t, c.steps, Climb(c.books, c.standing).Steps, name)
	}
	h := Climb(books(ladderRules()), violations(0, 550, 650, 700, 900))
	require.Equal(t, violations(550, 650, 700, 900), h.Carry, "what the steps rest on")
}

func with(change func(*trace.LadderRules)) trace.LadderRules {
	l := ladderRules()
	l.Levels = slices.Clone(l.Levels)
	change(&l)
	return l
}

// drawRules and drawViolations make any rulebook and any evening.
func drawRules(t *rapid.T) []trace.Rulebook {
	l := trace.LadderRules{
		Row: rapid.IntRange(1, 4).Draw(t, "row"), WindowSeconds: rapid.Int64Range(1, 900).Draw(t, "window"),
		Further: rapid.IntRange(1, 3).Draw(t, "further"), ResetSeconds: rapid.Int64Range(1, 2000).Draw(t, "reset"),
		Steps: LadderSteps()[:rapid.IntRange(1, 3).Draw(t, "steps")], Levels: []trace.VerdictLevel{trace.LevelViolation},
	}
	return books(l)
}

func drawViolations(t *rapid.T) []trace.LadderCause {
	return violations(rapid.SliceOfNDistinct(rapid.Int64Range(0, 4000), 0, 14, rapid.ID[int64]).Draw(t, "spoken")...)
}

// The height does not depend on the order in which verdicts became known.
func TestClimbTakesAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions, standing := drawRules(t), drawViolations(t)
		shuffled := rapid.Permutation(standing).Draw(t, "known")
		a, err := json.Marshal(Climb(versions, standing))
		require.NoError(t, err)
		b, err := json.Marshal(Climb(versions, shuffled))
		require.NoError(t, err)
		require.Equal(t, string(a), string(b))
	})
}

// One violation more never lowers the ladder, unless quiet ends before it: then it
// begins anew.
func TestOneMoreNeverLowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions, standing := drawRules(t), drawViolations(t)
		before := Climb(versions, standing)
		more := violation(rapid.Int64Range(0, 4000).Draw(t, "more"))
		after := Climb(versions, append(slices.Clone(standing), more))
		if before.To != 0 && after.From > before.To {
			return
		}
		require.GreaterOrEqual(t, after.Steps, before.Steps)
	})
}

// Steps need their violations: the first a row within its window, each further one its
// own. Without quiet, that is how many there must be.
func TestNoStepWithoutItsViolations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions, standing := drawRules(t), drawViolations(t)
		h, l := Climb(versions, standing), versions[0].Ladder
		if h.Steps == 0 {
			require.Empty(t, h.Carry)
			return
		}
		require.Len(t, h.Carry, l.Row+(h.Steps-1)*l.Further)
		require.LessOrEqual(t, h.Carry[l.Row-1].At-h.Carry[0].At, trace.Time(l.WindowSeconds)*1000)
		for i := 1; i < len(h.Carry); i++ {
			require.LessOrEqual(t, h.Carry[i].At-h.Carry[i-1].At, trace.Time(l.ResetSeconds)*1000)
		}
		require.Equal(t, h.Steps, Climb(versions, h.Carry).Steps, "what it rests on carries it alone")
	})
}

// platform plays a stream: verdicts become known in any order, are overturned at any
// time, and the platform does what is due.
type platform struct {
	t        *rapid.T
	versions []trace.Rulebook
	state    trace.LadderState
	known    []trace.LadderCause
	gone     map[trace.Key]bool
	actions  int
}

func (p *platform) ladder() Ladder {
	l := Ladder{Versions: p.versions, State: p.state}
	for _, c := range p.state.Causes {
		l.Overturned = append(l.Overturned, p.gone[c.Verdict])
	}
	return l
}

func (p *platform) standing() []trace.LadderCause {
	return slices.DeleteFunc(slices.Clone(p.known), func(c trace.LadderCause) bool { return p.gone[c.Verdict] })
}

func (p *platform) request(kind trace.ActionKind, causes ...trace.Key) *trace.TakeActionRequest {
	return &trace.TakeActionRequest{Kind: kind, Stream: "live-01", Host: "host-01", Causes: causes}
}

func broadcast() Broadcast {
	return Broadcast{ID: "live-01", Stream: &trace.Stream{Hosts: []trace.StreamHost{{Party: "host-01"}, {Party: "host-02"}}}}
}

func verdictOf(c trace.LadderCause) *trace.Verdict {
	return &trace.Verdict{
		Subject: trace.Subject{Kind: trace.SubjectStream, ID: "live-01"}, Host: "host-01", Observed: c.At, Level: c.Level,
	}
}

// settle does what is due until nothing is.
func (p *platform) settle() {
	for range 50 {
		p.actions++
		action := trace.Key(fmt.Sprint("action-", p.actions))
		if _, due := LowerDue(p.ladder()); due {
			p.lower(action)
			continue
		}
		step := NextStep(p.ladder(), p.standing())
		if step == nil {
			return
		}
		p.step(action, step)
	}
	p.t.Fatalf("the platform never comes to rest")
}

func (p *platform) lower(action trace.Key) {
	steps := len(p.state.Steps)
	r := p.request(trace.ActionLower)
	r.Undoes = p.state.Steps[steps-1].Action
	f := LowerFacts{Ladder: p.ladder(), Stream: broadcast(), Action: action}
	for _, c := range p.state.Causes {
		if p.gone[c.Verdict] {
			r.Causes = append(r.Causes, "review of "+c.Verdict)
			f.Reviews = append(f.Reviews, &trace.VerdictReview{Verdict: c.Verdict, Outcome: trace.OutcomeOverturned})
		}
	}
	next, err := LowerLadder(r, f)
	require.NoError(p.t, err, "what is due is taken")
	require.Less(p.t, len(next.Steps), steps)
	p.state = next
}

func (p *platform) step(action trace.Key, due *DueStep) {
	r := p.request(due.Kind)
	f := StepFacts{Ladder: p.ladder(), Stream: broadcast(), Action: action}
	for _, c := range due.Causes {
		r.Causes = append(r.Causes, c.Verdict)
		f.Causes = append(f.Causes, StepCause{Key: c.Verdict, Verdict: verdictOf(c)})
		require.False(p.t, p.gone[c.Verdict])
	}
	next, book, err := TakeStep(r, f)
	require.NoError(p.t, err, "what is due is taken")
	require.Equal(p.t, "1", book.Version)
	require.Equal(p.t, due.Kind, book.Ladder.Steps[len(next.Steps)-1], "no step is skipped")
	again, _, err := TakeStep(r, f)
	require.NoError(p.t, err)
	require.Equal(p.t, next, again)
	if len(next.Steps) == 1 {
		require.Len(p.t, due.Causes, book.Ladder.Row, "the first step rests on a row")
	}
	for i := 1; i < len(next.Causes); i++ {
		require.Less(p.t, next.Causes[i-1].At, next.Causes[i].At, "no violation is used twice")
	}
	p.state = next
}

// Whatever becomes known in whatever order: the platform comes to rest with no step that
// the standing violations do not carry, and as high as they do carry without quiet.
func TestLadderComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &platform{t: t, versions: drawRules(t), gone: map[trace.Key]bool{}}
		quiet := rapid.Bool().Draw(t, "quiet")
		if !quiet {
			p.versions[0].Ladder.ResetSeconds, p.versions[0].Ladder.WindowSeconds = 10_000, 10_000
		}
		for range rapid.IntRange(1, 14).Draw(t, "events") {
			if len(p.known) > 0 && rapid.IntRange(0, 3).Draw(t, "event") == 0 {
				p.gone[rapid.SampledFrom(p.known).Draw(t, "overturned").Verdict] = true
			} else if c := violation(rapid.Int64Range(0, 4000).Draw(t, "spoken")); !slices.Contains(p.known, c) {
				p.known = append(p.known, c)
			}
			p.settle()
			carried := Climb(p.versions, p.ladder().standing()).Steps
			require.LessOrEqual(t, len(p.state.Steps), carried, "no step stands on overturned verdicts")
			if !quiet {
				require.Equal(t, Climb(p.versions, p.standing()).Steps, len(p.state.Steps))
			}
		}
	})
}

func TestLadderID(t *testing.T) {
	r := func(kind trace.ActionKind, causes ...trace.Key) *trace.TakeActionRequest {
		return &trace.TakeActionRequest{Kind: kind, Stream: "live-01", Host: "host-01", Causes: causes}
	}
	same := r(trace.ActionHint, "a", "b")
	same.Write.IdempotencyKey, same.Reason = "another", "another"
	require.Equal(t, LadderID(r(trace.ActionHint, "a", "b")), LadderID(same))
	ids := map[trace.FactID]bool{}
	for _, other := range []*trace.TakeActionRequest{r(trace.ActionHint, "a", "b"), r(trace.ActionHint, "ab"), r(trace.ActionLimit, "a", "b"), r(trace.ActionLower, "a")} {
		ids[LadderID(other)] = true
	}
	require.Len(t, ids, 4)
}

// A late verdict can join two stretches, so that what is used carries more than holds:
// still every step needs a new violation, and the ladder is not stuck.
func TestALateVerdictJoinsTwoStretches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ladderRules()
		l.Row, l.WindowSeconds, l.ResetSeconds = 2, 1, 5
		p := &platform{t: t, versions: books(l), gone: map[trace.Key]bool{}}
		for _, second := range []int64{0, 2, 8, 9} {
			p.known = append(p.known, violation(second))
			p.settle()
		}
		require.Len(t, p.state.Steps, 1)
		p.known = append(p.known, violation(3))
		p.settle()
		require.Len(t, p.state.Steps, 3)
		require.Equal(t, violations(0, 2, 3, 8, 9), p.state.Causes)
	})
}
