package floor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// Ledger is what the floor needs of gateway/ledger.
type Ledger interface {
	Submit(ctx context.Context, as ledger.Identity, call ledger.Call) (ledger.Receipt, error)
}

// Identities resolves enrolments to signing identities.
type Identities interface {
	Identity(enrolment string) (ledger.Identity, error)
}

// Limits bound what the floor takes and holds. Zero values are the defaults.
type Limits struct {
	RunUtterances int           // a run is cut when it holds so many; 200
	RunAge        time.Duration // or when its first utterance has waited so long; 30 s
	PerSecond     float64       // utterances a second of one transcript, on average; 20
	Burst         int           // and at once; 400
	Waiting       int           // utterances of one transcript that may wait for the chain; 5,000
	AllWaiting    int           // and of all; 200,000
	InFlight      int           // verdicts being committed at once; 64. Of runs, which can wait, a quarter
	Retry         time.Duration // the longest pause before something is sent again; 5 s
	Step          time.Duration // how long after a verdict the ladder is looked at again if nothing moves; 1 s
}

func (l Limits) withDefaults() Limits {
	set(&l.RunUtterances, 200)
	l.RunUtterances = min(l.RunUtterances, trace.MaxUtterances)
	set(&l.RunAge, 30*time.Second)
	if l.PerSecond <= 0 {
		l.PerSecond = 20
	}
	set(&l.Burst, 400)
	set(&l.Waiting, 5_000)
	set(&l.AllWaiting, 200_000)
	set(&l.InFlight, 64)
	set(&l.Retry, 5*time.Second)
	set(&l.Step, time.Second)
	return l
}

// runsInFlight is few enough that a verdict, which has three seconds, does not queue at
// the ledger behind runs, which have RunAge.
func (l Limits) runsInFlight() int { return max(1, l.InFlight/4) }

// checksAtOnce is how many utterances are judged at once. Most of the time they wait for
// a disk: what is found, who is judged and what is cut is made durable, and those who wait
// together share a sync.
const checksAtOnce = 32

func set[T ~int | ~int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Config of a Floor. Ledger, Index, Store and Identities are required.
type Config struct {
	Ledger     Ledger
	Index      *index.Index
	Store      *store.Store
	Identities Identities
	// Checker judges utterances, in the name of the enrolment Monitor, of role monitor.
	// Without either nothing is judged here.
	Checker Checker
	Monitor string
	// Operator is the enrolment, of role platform-operator, that takes the steps of the
	// ladder; "" leaves them to another gateway.
	Operator string
	Basis    trace.LegalBasis // of the steps; zero is DefaultBasis
	Webhooks []Webhook
	// Keep is how long transcripts are kept; 0 is DefaultKeep. The caller answers for what
	// the law asks (MinKeep).
	Keep    time.Duration
	Limits  Limits
	Metrics *Metrics         // nil counts into nowhere
	Logger  *slog.Logger     // nil is slog.Default()
	Now     func() time.Time // nil is time.Now
}

// Floor is open from New on; Run makes it work. Its methods are safe for concurrent use.
type Floor struct {
	Config
	limits Limits

	mu    sync.Mutex
	lines map[lineKey]*line

	judging [64]sync.Mutex // by stream: who is judged is asked and kept by one at a time

	waiting atomic.Int64 // utterances not in an anchored run, all transcripts
	checks  *queue[*heard]
	gives   *queue[*verdict]
	anchors *queue[*run]
	rule    atomic.Bool // the checker's rule is on the chain

	feed  *feed
	hooks []*hook

	door   sync.RWMutex // held for reading by calls from outside
	ended  bool         // under door: nothing is let in any more
	closed chan struct{}
}

// New opens a floor and takes up what an earlier process left.
func New(cfg Config) (*Floor, error) {
	if cfg.Ledger == nil || cfg.Index == nil || cfg.Store == nil || cfg.Identities == nil {
		return nil, errors.New("floor: ledger, index, store and identities are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Keep <= 0 {
		cfg.Keep = DefaultKeep
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	if cfg.Basis == (trace.LegalBasis{}) {
		cfg.Basis = DefaultBasis()
	}
	f := &Floor{
		Config: cfg, limits: cfg.Limits.withDefaults(), lines: map[lineKey]*line{},
		checks: newQueue[*heard](), gives: newQueue[*verdict](), anchors: newQueue[*run](), feed: newFeed(), closed: make(chan struct{}),
	}
	for _, w := range cfg.Webhooks {
		h, err := newHook(f, w)
		if err != nil {
			return nil, err
		}
		f.hooks = append(f.hooks, h)
	}
	if err := f.takeUp(); err != nil {
		return nil, err
	}
	cfg.Metrics.look = f.look
	return f, nil
}

// judges tells whether utterances are judged here.
func (f *Floor) judges() bool { return f.Checker != nil && f.Monitor != "" }

// Done is closed once the floor stops: connections that stay end then.
func (f *Floor) Done() <-chan struct{} { return f.closed }

// enter lets a call in until the floor has stopped; leave it with the function given. A
// connection may outlive the server it came through, but not the store.
func (f *Floor) enter() (leave func(), err error) {
	f.door.RLock()
	if f.ended {
		f.door.RUnlock()
		return nil, trace.Errorf(ledger.CodeBusy, "the gateway is shutting down; nothing was kept")
	}
	return f.door.RUnlock, nil
}

// end lets nobody in any more and waits for who is inside.
func (f *Floor) end() {
	close(f.closed)
	f.door.Lock()
	defer f.door.Unlock()
	f.ended = true
}

// Run works until ctx ends. After it nothing touches the store any more.
func (f *Floor) Run(ctx context.Context) error {
	defer f.end()
	group, ctx := errgroup.WithContext(ctx)
	if f.judges() {
		group.Go(func() error { return f.publishRule(ctx) })
		for range checksAtOnce {
			group.Go(func() error { f.checks.work(ctx, f.check); return nil })
		}
		for range f.limits.InFlight {
			group.Go(func() error { f.gives.work(ctx, f.give); return nil })
		}
	}
	for range f.limits.runsInFlight() {
		group.Go(func() error { f.anchors.work(ctx, f.anchor); return nil })
	}
	group.Go(func() error { f.cutByAge(ctx); return nil })
	group.Go(func() error { return f.age(ctx) })
	group.Go(func() error { return f.follow(ctx) })
	if f.Operator != "" {
		group.Go(func() error { return f.climb(ctx) })
	}
	for _, h := range f.hooks {
		group.Go(func() error { return h.run(ctx) })
	}
	return group.Wait()
}

// later tells whether the same call may succeed unchanged: the ledger was away, or nobody
// knows yet what became of it.
func later(err error) bool {
	switch trace.CodeOf(err) {
	case "", ledger.CodeBusy, ledger.CodeLedgerUnavailable, ledger.CodeClock, ledger.CodeConflict,
		ledger.CodeOutcomeUnknown, ledger.CodeOutbox, ledger.CodeInvalid, trace.CodeNotReady:
		return true
	}
	return false
}

// pause waits before another try, longer each time; false when ctx ended.
func (f *Floor) pause(ctx context.Context, try int) bool {
	wait := min(f.limits.Retry, 100*time.Millisecond<<min(try, 10))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// submit makes a call take effect once; what is on the chain already is no failure.
func (f *Floor) submit(ctx context.Context, enrolment string, call ledger.Call) (ledger.Receipt, error) {
	id, err := f.Identities.Identity(enrolment)
	if err != nil {
		// Without its code: the identity may be enrolled later, and then it is sent.
		return ledger.Receipt{}, fmt.Errorf("identity %s: %v", enrolment, err)
	}
	receipt, err := f.Ledger.Submit(ctx, id, call)
	if trace.CodeOf(err) == trace.CodeAlreadyRecorded {
		return ledger.Receipt{}, nil
	}
	return receipt, err
}

// queue hands items to workers in the order they came. It has no bound of its own: what
// goes in is counted before (Limits.AllWaiting).
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{}
}

func newQueue[T any]() *queue[T] { return &queue[T]{wake: make(chan struct{}, 1)} }

func (q *queue[T]) add(items ...T) {
	q.mu.Lock()
	q.items = append(q.items, items...)
	q.mu.Unlock()
	q.signal()
}

func (q *queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue[T]) take(ctx context.Context) (item T, ok bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			item, q.items = q.items[0], q.items[1:]
			more := len(q.items) > 0
			q.mu.Unlock()
			if more {
				q.signal()
			}
			return item, true
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return item, false
		case <-q.wake:
		}
	}
}

func (q *queue[T]) work(ctx context.Context, do func(context.Context, T)) {
	for {
		item, ok := q.take(ctx)
		if !ok || ctx.Err() != nil {
			return
		}
		do(ctx, item)
	}
}
