package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"traceledger/chaincode/trace"
)

// The ladder answers violations in a row by one host in one stream: hint, then display
// limit, then cut. How high it ought to stand follows from the standing violations
// alone (Climb), in whatever order they became known; the steps themselves are actions
// of the platform, each one above the last, each resting on violations that no other
// step rests on (TakeStep). An overturned verdict stands no more, so it carries no
// step, and the platform lowers what it carried (LowerLadder).

// Height is how high the ladder ought to stand.
type Height struct {
	Steps int // 0: not started
	// From and To are the first and last violation since the last quiet; zero without any.
	From, To trace.Time
	// Carry are the violations that the steps rest on, by time.
	Carry []trace.LadderCause
}

// Climb reads the standing violations of one host in one stream. They are taken in the
// order in which they were spoken, each by the rulebook in force on its day; two at
// the same moment are one. Quiet longer than the reset begins anew: the height is that
// of what came after.
func Climb(versions []trace.Rulebook, standing []trace.LadderCause) Height {
	var h Height
	var row []trace.LadderCause // violations not yet part of a step
	for _, v := range byTime(standing) {
		book := RulebookOn(versions, v.At.Date())
		if book == nil || !slices.Contains(book.Ladder.Levels, v.Level) || v.At == h.To {
			continue
		}
		l := book.Ladder
		if h.From == 0 || v.At-h.To > seconds(l.ResetSeconds) {
			h, row = Height{From: v.At}, nil
		}
		h.To = v.At
		row = append(row, v)
		needed := l.Further
		if h.Steps == 0 {
			needed = l.Row
			for v.At-row[0].At > seconds(l.WindowSeconds) {
				row = row[1:]
			}
		}
		if len(row) >= needed && h.Steps < len(l.Steps) {
			h.Steps, h.Carry, row = h.Steps+1, append(h.Carry, row...), nil
		}
	}
	return h
}

func seconds(n int64) trace.Time { return trace.Time(n * 1000) }

// byTime sorts a copy: by time, then by key.
func byTime(causes []trace.LadderCause) []trace.LadderCause {
	sorted := slices.Clone(causes)
	slices.SortFunc(sorted, func(a, b trace.LadderCause) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Verdict, b.Verdict))
	})
	return sorted
}

// Ladder is what a step is decided by.
type Ladder struct {
	Versions []trace.Rulebook
	State    trace.LadderState // zero before the first step
	// Overturned tells of each of the state's causes whether its verdict was overturned.
	Overturned []bool
}

// standing are the state's causes that were not overturned.
func (l Ladder) standing() []trace.LadderCause {
	var out []trace.LadderCause
	for i, c := range l.State.Causes {
		if !l.Overturned[i] {
			out = append(out, c)
		}
	}
	return out
}

// base is what new violations, from a moment on, add to: how many steps hold, and the
// standing violations they rest on. After a long quiet the ladder begins anew.
func (l Ladder) base(from trace.Time) (taken int, standing []trace.LadderCause) {
	book := RulebookOn(l.Versions, from.Date())
	if n := len(l.State.Causes); book != nil && n > 0 && from-l.State.Causes[n-1].At > seconds(book.Ladder.ResetSeconds) {
		return 0, nil
	}
	return len(l.State.Steps), l.standing()
}

// StepCause is a verdict that a step is said to rest on.
type StepCause struct {
	Key     trace.Key
	Verdict *trace.Verdict       // nil where the key names none
	Review  *trace.VerdictReview // nil while there is none
}

// StepFacts is what the chain knows of a step to be taken.
type StepFacts struct {
	Ladder
	Stream Broadcast
	Causes []StepCause
	Action trace.Key // under which the step is recorded
	Now    trace.Time
}

// TakeStep decides a step whose form is checked, and gives where the ladder stands
// after it and the rulebook it rests on. The step is the one above those that hold; its
// causes are violations of this host in this stream that stand, by time, that no step
// rests on yet, and no more of them than it needs.
func TakeStep(r *trace.TakeActionRequest, f StepFacts) (trace.LadderState, *trace.Rulebook, error) {
	none := trace.LadderState{}
	if err := f.mayAct(r); err != nil {
		return none, nil, err
	}
	if f.Stream.Close != nil {
		return none, nil, trace.Errorf(trace.CodeState, "stream %s ended %s: no step is taken on it", f.Stream.ID, f.Stream.Close.Ended)
	}
	causes, err := f.stepCauses(r)
	if err != nil {
		return none, nil, err
	}
	last := causes[len(causes)-1].At
	book := RulebookOn(f.Versions, last.Date())
	if book == nil {
		return none, nil, trace.Errorf(trace.CodeStandard, "no rulebook was in force on %s", last.Date())
	}
	taken, standing := f.base(causes[0].At)
	if taken >= len(book.Ladder.Steps) {
		return none, nil, trace.Errorf(trace.CodeState, "all %d steps of the ladder hold already", taken)
	}
	if next := book.Ladder.Steps[taken]; r.Kind != next {
		return none, nil, trace.Errorf(trace.CodeState, "the next step is %s, not %s: %d hold", next, r.Kind, taken)
	}
	if !reaches(f.Versions, standing, causes, taken+1) {
		return none, nil, trace.Errorf(trace.CodeBasis, "causes: %d violations do not make step %d by rulebook %s", len(causes), taken+1, book.Version)
	}
	if i := needless(f.Versions, standing, causes, taken+1); i >= 0 {
		return none, nil, trace.Errorf(trace.CodeBasis, "causes[%d]: the step does not need %s", i, causes[i].Verdict)
	}
	next := trace.LadderState{Action: f.Action, Since: f.Now}
	next.Steps = append(slices.Clone(f.State.Steps[:taken]), trace.LadderStep{Kind: r.Kind, Action: f.Action})
	if taken > 0 {
		// The overturned ones stay until a lowering takes them away: it must find them.
		next.Causes = slices.Clone(f.State.Causes)
	}
	next.Causes = byTime(append(next.Causes, causes...))
	return next, book, nil
}

func reaches(versions []trace.Rulebook, standing, more []trace.LadderCause, steps int) bool {
	return Climb(versions, append(slices.Clone(standing), more...)).Steps >= steps
}

// needless is the first of several causes without which the others make the step too, -1
// when all are needed. One alone is always needed: a late verdict can make violations
// that are used carry more steps than hold, but no step is taken without a new one.
func needless(versions []trace.Rulebook, standing, causes []trace.LadderCause, steps int) int {
	for i := range causes {
		without := slices.Delete(slices.Clone(causes), i, i+1)
		if len(without) > 0 && reaches(versions, standing, without, steps) {
			return i
		}
	}
	return -1
}

func (f StepFacts) mayAct(r *trace.TakeActionRequest) error {
	if err := f.Stream.exists(); err != nil {
		return err
	}
	return f.Stream.hosts(r.Host)
}

// stepCauses checks each verdict by itself and their order.
func (f StepFacts) stepCauses(r *trace.TakeActionRequest) ([]trace.LadderCause, error) {
	var out []trace.LadderCause
	for i, c := range f.Causes {
		v := c.Verdict
		if v == nil {
			return nil, trace.Errorf(trace.CodeBasis, "causes[%d]: there is no verdict %q", i, c.Key)
		}
		if v.Subject.Kind != trace.SubjectStream || v.Subject.ID != string(f.Stream.ID) || v.Host != r.Host {
			return nil, trace.Errorf(trace.CodeBasis, "causes[%d]: %s is not about %s in stream %s", i, c.Key, r.Host, f.Stream.ID)
		}
		if c.Review != nil && c.Review.Outcome == trace.OutcomeOverturned {
			return nil, trace.Errorf(trace.CodeBasis, "causes[%d]: verdict %s was overturned: %s", i, c.Key, c.Review.Reason)
		}
		if slices.ContainsFunc(f.State.Causes, func(o trace.LadderCause) bool { return o.Verdict == c.Key }) {
			return nil, trace.Errorf(trace.CodeBasis, "causes[%d]: a step rests on %s already", i, c.Key)
		}
		if n := len(out); n > 0 && v.Observed <= out[n-1].At {
			return nil, trace.Errorf(trace.CodeChronology, "causes[%d]: %s was spoken at %s, not after the one before, %s", i, c.Key, v.Observed, out[n-1].At)
		}
		out = append(out, trace.LadderCause{Verdict: c.Key, At: v.Observed, Level: v.Level})
	}
	return out, nil
}

// LowerFacts is what the chain knows of a lowering.
type LowerFacts struct {
	Ladder
	Stream  Broadcast
	Reviews []*trace.VerdictReview // the request's causes; nil where the key names none
	Action  trace.Key
	Now     trace.Time
}

// LowerLadder decides a lowering whose form is checked, and gives where the ladder
// stands after it: as high as the violations carry it that still stand.
func LowerLadder(r *trace.TakeActionRequest, f LowerFacts) (trace.LadderState, error) {
	none := trace.LadderState{}
	if err := (StepFacts{Stream: f.Stream}).mayAct(r); err != nil {
		return none, err
	}
	steps := f.State.Steps
	if len(steps) == 0 || steps[len(steps)-1].Action != r.Undoes {
		return none, trace.Errorf(trace.CodeState, "undoes %s: it is not the newest step that holds", r.Undoes)
	}
	for i, review := range f.Reviews {
		carried := func(c trace.LadderCause) bool { return review != nil && c.Verdict == review.Verdict }
		if review == nil || review.Outcome != trace.OutcomeOverturned || !slices.ContainsFunc(f.State.Causes, carried) {
			return none, trace.Errorf(trace.CodeBasis, "causes[%d]: %s is no review that overturned a verdict this ladder rests on", i, r.Causes[i])
		}
	}
	height := Climb(f.Versions, f.standing())
	if height.Steps >= len(steps) {
		return none, trace.Errorf(trace.CodeState, "the violations that stand carry %d steps, %d hold: there is nothing to lower", height.Steps, len(steps))
	}
	// Violations that carry no step any more are free to carry another one.
	return trace.LadderState{Steps: slices.Clone(steps[:height.Steps]), Causes: height.Carry, Action: f.Action, Since: f.Now}, nil
}

// LadderID is the id of an action on a host in a stream: the first 16 bytes of SHA-256
// over stream, host, kind and what it rests on, each with its length before it. The
// same step for the same causes is one action, and so is the lowering of one step.
func LadderID(r *trace.TakeActionRequest) trace.FactID {
	h := sha256.New()
	parts := []string{string(r.Stream), string(r.Host), string(r.Kind)}
	if r.Kind == trace.ActionLower {
		parts = append(parts, string(r.Undoes))
	} else {
		for _, c := range r.Causes {
			parts = append(parts, string(c))
		}
	}
	for _, part := range parts {
		n := len(part)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write([]byte(part))
	}
	return trace.FactID(hex.EncodeToString(h.Sum(nil)[:16]))
}

// DueStep is a step that the platform owes: what TakeStep will take.
type DueStep struct {
	Kind   trace.ActionKind    `json:"kind"`
	Causes []trace.LadderCause `json:"causes"`
}

// NextStep tells which step is due, nil when none is. violations are all standing ones
// of the host in the stream, in any order; it names the earliest that make the step.
func NextStep(l Ladder, violations []trace.LadderCause) *DueStep {
	episode := Climb(l.Versions, violations)
	var unused []trace.LadderCause
	for _, v := range byTime(violations) {
		used := slices.ContainsFunc(l.State.Causes, func(c trace.LadderCause) bool { return c.Verdict == v.Verdict })
		repeats := len(unused) > 0 && unused[len(unused)-1].At == v.At
		book := RulebookOn(l.Versions, v.At.Date())
		if !used && !repeats && v.At >= episode.From && book != nil && slices.Contains(book.Ladder.Levels, v.Level) {
			unused = append(unused, v)
		}
	}
	if len(unused) == 0 {
		return nil
	}
	taken, standing := l.base(unused[0].At)
	if episode.Steps <= taken {
		return nil
	}
	for n := 1; n <= len(unused); n++ {
		if !reaches(l.Versions, standing, unused[:n], taken+1) {
			continue
		}
		causes := slices.Clone(unused[:n])
		for i := needless(l.Versions, standing, causes, taken+1); i >= 0; i = needless(l.Versions, standing, causes, taken+1) {
			causes = slices.Delete(causes, i, i+1)
		}
		steps := RulebookOn(l.Versions, causes[len(causes)-1].At.Date()).Ladder.Steps
		if taken >= len(steps) {
			return nil
		}
		return &DueStep{Kind: steps[taken], Causes: causes}
	}
	return nil
}

// LowerDue tells how many steps the standing causes of the ladder carry, where that is
// fewer than hold; ok is false when there is nothing to lower.
func LowerDue(l Ladder) (left int, ok bool) {
	left = Climb(l.Versions, l.standing()).Steps
	return left, left < len(l.State.Steps)
}
