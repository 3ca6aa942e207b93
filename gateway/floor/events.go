package floor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Position is a place on the chain.
type Position struct {
	Block uint64
	Index int // of the transaction in its block
}

// Before orders positions.
func (p Position) Before(o Position) bool {
	return p.Block < o.Block || p.Block == o.Block && p.Index < o.Index
}

func (p Position) String() string { return fmt.Sprintf("%d-%d", p.Block, p.Index) }

// ParsePosition reads what String writes.
func ParsePosition(text string) (p Position, err error) {
	if _, err := fmt.Sscanf(text, "%d-%d", &p.Block, &p.Index); err != nil || p.String() != text {
		return p, trace.Errorf(trace.CodeInvalid, "event id %.40q is not one that was sent, such as 1204-3", text)
	}
	return p, nil
}

// Event is an action as the platform is told of it.
type Event struct {
	// ID is the place of the action on the chain, "BLOCK-INDEX": the same at every
	// gateway. Events come in this order.
	ID       string          `json:"id"`
	Record   trace.Key       `json:"record"`
	Recorded trace.Time      `json:"recorded"`
	Action   json.RawMessage `json:"action"` // trace.Action
}

// MaxBehind is how many events somebody may catch up on.
const MaxBehind = 10_000

// Events are the actions after a place, oldest first.
func (f *Floor) Events(after Position) ([]Event, error) {
	var out []Event
	err := f.newest(state.FactAction, after, func(r index.Record) error {
		if len(out) == MaxBehind {
			return trace.Errorf(trace.CodeTooLarge, "more than %d actions since event %s: read them from /v1/records?kind=action and follow from now", MaxBehind, after)
		}
		out = append(out, Event{ID: positionOf(r).String(), Record: r.Key, Recorded: r.Recorded, Action: r.Value})
		return nil
	})
	slices.Reverse(out)
	return out, err
}

// Newest is the place of the newest action.
func (f *Floor) Newest() (Position, error) {
	records, _, err := f.Index.List(index.ListQuery{Kind: state.FactAction, Limit: 1})
	if err != nil || len(records) == 0 {
		return Position{}, err
	}
	return positionOf(records[0]), nil
}

// Changed is closed once there is another action than there were when it was asked for.
func (f *Floor) Changed() <-chan struct{} { return f.feed.next() }

// feed tells followers that there is an action.
type feed struct {
	mu      sync.Mutex
	changed chan struct{}
	last    Position
}

func newFeed() *feed { return &feed{changed: make(chan struct{})} }

func (e *feed) next() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

func (e *feed) see(at Position) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last.Before(at) {
		e.last = at
		close(e.changed)
		e.changed = make(chan struct{})
	}
}

// follow looks at each block for actions, once for all who follow.
func (f *Floor) follow(ctx context.Context) error {
	for {
		height := f.Index.Height()
		newest, err := f.Newest()
		if err != nil {
			return err
		}
		f.feed.see(newest)
		if err := f.Index.WaitFor(ctx, height); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}
