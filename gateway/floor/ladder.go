package floor

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
)

// DefaultBasis is the law that a step rests on unless the operator names another:
// false or misleading claims in live streams.
func DefaultBasis() trace.LegalBasis {
	day, err := trace.ParseDate("2026-02-01")
	if err != nil {
		panic(err)
	}
	return trace.LegalBasis{Law: "直播电商监督管理办法", Article: "第三十四条", Effective: day}
}

// climb takes the steps of the ladder that are due, and the lowerings, until ctx ends. It
// begins with every stream there is, because it does not know what an earlier process
// left undone, and then looks at those of new verdicts and reviews.
func (f *Floor) climb(ctx context.Context) error {
	var seen Position
	height := f.Index.Height()
	all, last, err := f.streamsWith(seen, height)
	owed := map[trace.StreamID]bool{}
	for try := 0; ; {
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			seen = last
			for _, id := range all {
				owed[id] = true
			}
			err = f.settle(ctx, owed)
		}
		f.Metrics.owed.Set(float64(len(owed)))
		if err != nil {
			f.Metrics.retries.WithLabelValues("step").Inc()
			f.Logger.Warn("steps of the ladder are still owed", "streams", len(owed), "error", err)
			if !f.pause(ctx, try) {
				return nil
			}
			try++
		} else {
			try = 0
			if !f.wait(ctx, height, len(owed) > 0) {
				return nil
			}
		}
		height = f.Index.Height()
		all, last, err = f.streamsWith(seen, height)
	}
}

// wait until there is a block that was not looked at, the one of the number or a later
// one; not for ever while something is owed.
func (f *Floor) wait(ctx context.Context, number uint64, owed bool) bool {
	if owed {
		bounded, cancel := context.WithTimeout(ctx, f.limits.Step)
		defer cancel()
		_ = f.Index.WaitFor(bounded, number)
		return ctx.Err() == nil
	}
	return f.Index.WaitFor(ctx, number) == nil
}

// streamsWith lists the streams that verdicts and reviews after a place of the chain are
// on, and the newest place looked at. Blocks from the height on are left for the next
// look: a review that came while verdicts were listed must not hide a verdict before it.
func (f *Floor) streamsWith(after Position, height uint64) (streams []trace.StreamID, last Position, err error) {
	last = after
	for _, kind := range []string{state.FactVerdict, state.FactVerdictReview} {
		err := f.newest(kind, after, func(r index.Record) error {
			if r.Block >= height {
				return nil
			}
			if at := positionOf(r); last.Before(at) {
				last = at
			}
			if id, on := streamOf(r.Key); on && !slices.Contains(streams, id) {
				streams = append(streams, id)
			}
			return nil
		})
		if err != nil {
			return nil, after, err
		}
	}
	return streams, last, nil
}

// newest visits the records of a kind after a place of the chain, newest first.
func (f *Floor) newest(kind string, after Position, visit func(index.Record) error) error {
	for q := (index.ListQuery{Kind: kind}); ; {
		records, next, err := f.Index.List(q)
		if err != nil {
			return err
		}
		for _, r := range records {
			if !after.Before(positionOf(r)) {
				return nil
			}
			if err := visit(r); err != nil {
				return err
			}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}

// stepsAtOnce is in how many streams steps are taken at the same time.
const stepsAtOnce = 16

// settle takes what is due in each stream and drops those in which nothing is. Streams go
// side by side: in a thousand of them one step after the other would take minutes.
func (f *Floor) settle(ctx context.Context, owed map[trace.StreamID]bool) error {
	var group errgroup.Group
	group.SetLimit(stepsAtOnce)
	var mu sync.Mutex // of owed
	for _, id := range sorted(owed) {
		group.Go(func() error {
			due, err := f.settleOne(ctx, id)
			if err == nil && !due {
				mu.Lock()
				defer mu.Unlock()
				delete(owed, id)
			}
			return err
		})
	}
	return group.Wait()
}

// settleOne takes what is due on each host of a stream; false when nothing was.
func (f *Floor) settleOne(ctx context.Context, id trace.StreamID) (due bool, err error) {
	stream, found, err := f.Index.Stream(id)
	if err != nil {
		return false, err
	}
	for _, l := range streamLadders(stream, found) {
		moved, err := f.move(ctx, id, l)
		if err != nil {
			return false, fmt.Errorf("stream %s, %s: %w", id, l.Host, err)
		}
		due = due || moved
	}
	return due, nil
}

func streamLadders(s *index.Stream, found bool) []index.Ladder {
	if !found {
		return nil
	}
	return s.Ladders
}

func sorted(set map[trace.StreamID]bool) []trace.StreamID {
	var out []trace.StreamID
	for id := range set {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// move takes one action that is due on a host; true when there was one.
func (f *Floor) move(ctx context.Context, stream trace.StreamID, l index.Ladder) (bool, error) {
	r := trace.TakeActionRequest{Stream: stream, Host: l.Host, Basis: []trace.LegalBasis{f.Basis}}
	switch {
	case l.Lower != nil:
		r.Kind, r.Causes, r.Undoes = trace.ActionLower, l.Lower.Reviews, l.Lower.Undoes
		r.Reason = fmt.Sprintf("所依据的判定已被复核推翻，降至第 %d 级 / a verdict it rests on was overturned; %d steps are left", l.Lower.Left, l.Lower.Left)
	case l.Next != nil:
		r.Kind = l.Next.Kind
		for _, c := range l.Next.Causes {
			r.Causes = append(r.Causes, c.Verdict)
		}
		r.Reason = fmt.Sprintf("同一主播同场连续违规，按处置规则第 %d 级 / violations in a row by one host; step %d of the rulebook", len(l.State.Steps)+1, len(l.State.Steps)+1)
	default:
		return false, nil
	}
	id := rules.LadderID(&r)
	r.IdempotencyKey, r.Claimed = string(id), trace.TimeOf(f.Now())
	receipt, err := f.submit(ctx, f.Operator, ledger.Call{
		Contract: "enforcement", Method: "TakeAction", Arguments: encode(&r), IdempotencyKey: "step " + string(id),
	})
	switch trace.CodeOf(err) {
	case trace.CodeState, trace.CodeBasis, trace.CodeChronology, trace.CodeAlreadyExists:
		// The chain is further than the read model: it is looked at again.
		f.Logger.Info("a step is not due any more", "stream", stream, "host", l.Host, "error", err)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if receipt.Block > 0 {
		f.Metrics.steps.WithLabelValues(string(r.Kind)).Inc()
		_ = f.Index.WaitFor(ctx, receipt.Block)
	}
	return true, nil
}

func positionOf(r index.Record) Position { return Position{r.Block, r.Position} }
