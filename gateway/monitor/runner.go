package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Runner runs one monitor: it follows the read model with a cursor of its own, has the
// monitor look at every subject that a new record concerns, and gives the verdicts.
//
// The cursor moves on when all verdicts of a block are on the chain. A process killed
// anywhere looks again at what it may have seen, and finds its verdicts there: a verdict
// is named by what was looked at and found.
type Runner struct {
	Monitor   Monitor
	World     World
	Publisher *Publisher
	Dir       string       // of the cursor; created 0700
	Logger    *slog.Logger // nil is slog.Default()

	// AtOnce is how many subjects are looked at, and verdicts submitted, at the same
	// time; 0 is 16.
	AtOnce int
	// Again is after how long a subject is looked at again that waits for a file, or
	// whose look failed; 0 is 2 s.
	Again time.Duration

	mu      sync.Mutex
	level   uint64 // blocks below it are judged
	changed chan struct{}
}

// Run publishes the rule version, then follows until ctx ends, which it returns, or until
// the cursor cannot be kept or the index fails.
func (r *Runner) Run(ctx context.Context) error {
	rule := r.Monitor.Rule()
	defer r.Publisher.Metrics.runs(rule.Monitor)()
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return fmt.Errorf("monitor %s: %w", rule.Monitor, err)
	}
	at, err := readCursor(r.Dir, rule.Monitor)
	if err != nil {
		return err
	}
	if err := r.Publisher.Publish(ctx, rule); err != nil {
		return fmt.Errorf("publish rule %s %s: %w", rule.Monitor, rule.Version, err)
	}
	for {
		records, next, err := r.World.Index.Since(at.Next, r.Monitor.Kinds(), index.MaxList)
		if err != nil {
			return err
		}
		moved, err := r.step(ctx, &at, records, next)
		if err != nil {
			return err
		}
		r.reached(at.Next)
		if moved && next < r.World.Index.Height() {
			continue
		}
		if err := r.wait(ctx, at); err != nil {
			return err
		}
	}
}

// wait ends with a new block, or when what waits is due for another look.
func (r *Runner) wait(ctx context.Context, at cursor) error {
	patience, cancel := ctx, context.CancelFunc(func() {})
	if len(at.Waiting) > 0 {
		patience, cancel = context.WithTimeout(ctx, r.again())
	}
	defer cancel()
	err := r.World.Index.WaitFor(patience, at.Next)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// step judges what some records concern, and what waits from before, and moves on.
func (r *Runner) step(ctx context.Context, at *cursor, records []index.Record, next uint64) (moved bool, err error) {
	name := r.Monitor.Rule().Monitor
	subjects := slices.Clone(at.Waiting)
	newest := trace.Time(0)
	for i := range records {
		newest = max(newest, records[i].Recorded)
		concerned, err := r.Monitor.Concerns(r.World, records[i])
		if err != nil {
			r.logger().Error("record not understood", "monitor", name, "record", records[i].Key, "error", err)
		}
		subjects = append(subjects, concerned...)
	}
	if len(records) > 0 {
		r.Publisher.Metrics.state(name, at.Next, len(at.Waiting), records[0].Recorded)
	}
	waiting, err := r.look(ctx, once(subjects), newest)
	if err != nil {
		return false, err
	}
	before := *at
	at.Next, at.Waiting = next, waiting
	r.Publisher.Metrics.state(name, at.Next, len(at.Waiting), 0)
	if before.Next == at.Next && slices.Equal(before.Waiting, at.Waiting) {
		return false, nil
	}
	return before.Next != at.Next, at.write(r.Dir)
}

// look looks at subjects and gives what is found; what has to be looked at again comes
// back. newest is the time of the newest record that led here, 0 for none.
func (r *Runner) look(ctx context.Context, subjects []trace.Subject, newest trace.Time) ([]trace.Subject, error) {
	rule := r.Monitor.Rule()
	var mu sync.Mutex
	var waiting []trace.Subject
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.atOnce())
	for _, subject := range subjects {
		group.Go(func() error {
			findings, err := r.Monitor.Look(ctx, r.World, subject)
			outcome := "judged"
			switch {
			case errors.Is(err, ErrIncomplete):
				outcome = "incomplete"
			case err != nil:
				outcome = "failed"
				r.logger().Error("look failed", "monitor", rule.Monitor, "subject", subject.ID, "error", err)
			}
			r.Publisher.Metrics.looked(rule.Monitor, outcome)
			if err != nil {
				mu.Lock()
				waiting = append(waiting, subject)
				mu.Unlock()
			}
			for _, f := range findings {
				given, err := r.give(ctx, rule, f)
				if err != nil {
					return err
				}
				if given == Given && newest > 0 {
					r.Publisher.Metrics.took(rule.Monitor, secondsSince(newest))
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return once(waiting), err
}

// give gives a finding, unless the read model shows its verdict already: a journey is
// looked at after every segment, and asking the chain each time would be most of the work.
func (r *Runner) give(ctx context.Context, rule Rule, f Finding) (Outcome, error) {
	key, err := f.key(rule)
	if err != nil {
		return "", err
	}
	if _, found, err := r.World.Index.Record(key); err != nil || found {
		return Known, err
	}
	return r.Publisher.Give(ctx, rule, f)
}

// once sorts subjects and drops repetitions.
func once(subjects []trace.Subject) []trace.Subject {
	slices.SortFunc(subjects, func(a, b trace.Subject) int {
		if a.Kind != b.Kind {
			return strings.Compare(string(a.Kind), string(b.Kind))
		}
		return strings.Compare(a.ID, b.ID)
	})
	return slices.Compact(subjects)
}

func secondsSince(t trace.Time) float64 { return time.Since(t.UTC()).Seconds() }

// Level returns once all blocks below a height are judged, subjects that wait for files
// apart.
func (r *Runner) Level(ctx context.Context, height uint64) error {
	for {
		r.mu.Lock()
		level := r.level
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		if level >= height {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Runner) reached(level uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.level = level
	if r.changed != nil {
		close(r.changed)
	}
	r.changed = make(chan struct{})
}

func (r *Runner) atOnce() int {
	if r.AtOnce > 0 {
		return r.AtOnce
	}
	return 16
}

func (r *Runner) again() time.Duration {
	if r.Again > 0 {
		return r.Again
	}
	return 2 * time.Second
}

func (r *Runner) logger() *slog.Logger {
	if r.Logger == nil {
		return slog.Default()
	}
	return r.Logger
}
