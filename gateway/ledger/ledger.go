// Package ledger is a gateway's one way to the chain: it submits typed calls so that
// each takes effect exactly once, evaluates queries, and follows blocks.
//
// In come an identity and a call; out comes a receipt once the call's transaction is
// committed as valid, or a coded error that says what is known. Three kinds of
// answer are kept strictly apart:
//
//   - done: a Receipt with transaction id, block and the contract's result;
//   - not done: the contract refused, or the transaction was committed as invalid,
//     or it never left this gateway. Nothing changed and the call may be repeated;
//   - unknown: an UnknownOutcome. The transaction may yet commit. The gateway keeps
//     working on it, and the same call with the same idempotency key joins in.
//
// Every signed transaction is in the Outbox, durably, before it is sent. When an
// answer is lost the very same bytes are sent again, which the ledger takes at most
// once, and the outcome is asked for by transaction id; a new transaction is endorsed
// only after the old one is known to be void. Recover does the same after a crash.
//
// All traffic uses the stock fabric-gateway client over connections the caller
// supplies, so an embedded ledger and a Fabric network are the same to this package.
// It must not import either of them, nor the contracts; it knows contract and method
// names, argument bytes and coded errors only.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// Config of a Client. Conns, Channel, Chaincode and Outbox are required; zero values
// elsewhere take the defaults named.
type Config struct {
	// Conns lead to gateway services, the organisation's own first; the others are
	// used while an earlier one fails. The caller closes them, after the Client.
	// Give a single network connection keep-alive: nobody can take its place while a
	// host that vanished without a word is waited for.
	Conns     []grpc.ClientConnInterface
	Channel   string // for example "trace"
	Chaincode string // for example "trace"
	Outbox    Outbox

	// Reader is the gateway's own identity. It hears of commits for all callers, and
	// asks and reads blocks for Recover when no caller's identity is at hand. Without
	// it the commit status of every transaction is asked for with its caller's
	// identity, and a transaction that the network no longer accepts stays unknown
	// until its owner asks again.
	Reader *Identity

	// Resolve finds the receipt of a call whose record is on the chain already, when
	// the contract says ALREADY_RECORDED: after a crash that lost an unsynced answer
	// older than the outbox, or when two gateways of one organisation share a key.
	// Without it that refusal goes to the caller.
	Resolve func(ctx context.Context, id Identity, call Call) (Receipt, error)

	Logger  *slog.Logger     // nil is slog.Default()
	Metrics *Metrics         // nil counts into nowhere
	Now     func() time.Time // nil is time.Now

	MaxInFlight int // calls under way at once; 256
	MaxQueue    int // calls waiting for that; 1024. More are refused with CodeBusy
	// MaxWait is how long a call waits for that; 20 s. Then it is refused with CodeBusy.
	MaxWait time.Duration

	Conflicts   int           // how often a call is endorsed anew after a conflict; 20
	Unreachable int           // how many connections are tried, one after the other, to endorse; 6
	Lag         time.Duration // how far endorsers may lag behind a commit: a refusal counts once it is repeated after that; 0

	EndorseTimeout time.Duration // 15 s, also for each try to evaluate
	SubmitTimeout  time.Duration // 5 s
	CommitTimeout  time.Duration // 5 s; a commit not heard of by then is asked for
	StatusTimeout  time.Duration // 30 s, for the questions after a submit, one peer after the other
	DoubtTimeout   time.Duration // 3 s, for each question
	AnswerTimeout  time.Duration // 60 s; a Submit that takes longer answers UnknownOutcome and goes on in the background
	Backoff        Backoff       // 20 ms doubling to 2 s
	Drain          time.Duration // how long Close waits for calls under way; 10 s

	// For tests.
	away         time.Duration // how often the stream of commits looks for a better peer to come from; 1 min
	idle         time.Duration // after how long without a block it is asked whether there is one; 5 s
	probeEvery   time.Duration // how often a peer that owes answers, or was avoided, is probed; 2 s
	probeTimeout time.Duration // 5 s
	levelEvery   time.Duration // how often a peer in use is compared with the others; 5 s
	mayLack      time.Duration // how long it may lack a block that they have; 4 s

	mayLackOnReturn time.Duration // as mayLack, for one that wants its place back; 1 s
}

// Client submits, evaluates and follows. It is safe for concurrent use.
type Client struct {
	cfg     Config
	logger  *slog.Logger
	metrics *Metrics
	now     func() time.Time
	routes  *routes
	plans   plans

	slots   chan struct{} // one token per call under way
	waiting atomic.Int64  // calls that want a slot
	known   atomic.Uint64 // number of the highest block this client has heard of

	stoodIn atomic.Pointer[[]string] // who endorsed when one that was named failed

	asker atomic.Pointer[Identity] // compares peers: Config.Reader, or who follows blocks

	mu      sync.Mutex
	flights map[string]*flight // by outbox key
	closed  bool

	commits commits

	work      sync.WaitGroup // flights
	listening sync.WaitGroup // the stream of commits
	guards    sync.WaitGroup // one for each connection
	ctx       context.Context
	cancel    context.CancelFunc
}

// New checks cfg and returns a client. It submits nothing: call Recover next, then
// serve.
func New(cfg Config) (*Client, error) {
	if len(cfg.Conns) == 0 || cfg.Channel == "" || cfg.Chaincode == "" || cfg.Outbox == nil {
		return nil, errors.New("ledger: Conns, Channel, Chaincode and Outbox are required")
	}
	cfg.setDefaults()
	routes, err := newRoutes(cfg.Conns, cfg.Now, cfg.Logger, cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		cfg: cfg, logger: cfg.Logger, metrics: cfg.Metrics, now: cfg.Now, routes: routes,
		plans:   plans{now: cfg.Now, chosen: make(map[planned][]choice)},
		slots:   make(chan struct{}, cfg.MaxInFlight),
		flights: make(map[string]*flight),
		commits: commits{waiting: make(map[string]chan ending)},
		ctx:     ctx, cancel: cancel,
	}
	c.asker.Store(cfg.Reader)
	for _, route := range routes.all {
		c.guards.Go(func() { c.guard(route) })
	}
	if reader := cfg.Reader; reader != nil {
		c.listening.Go(func() { c.listen(*reader) })
	}
	return c, nil
}

// Close refuses new calls, lets those under way end for Config.Drain, and then stops
// working on the rest, whose callers get an UnknownOutcome; they stay in the outbox
// for Recover.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		c.work.Wait()
		close(drained)
	}()
	timer := time.NewTimer(c.cfg.Drain)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
	}
	c.cancel()
	<-drained
	c.listening.Wait()
	c.guards.Wait()
	return c.routes.close()
}

func (cfg *Config) setDefaults() {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	set(&cfg.MaxInFlight, 256)
	set(&cfg.MaxQueue, 1024)
	set(&cfg.MaxWait, 20*time.Second)
	set(&cfg.Conflicts, 20)
	set(&cfg.Unreachable, 6)
	set(&cfg.EndorseTimeout, 15*time.Second)
	set(&cfg.SubmitTimeout, 5*time.Second)
	set(&cfg.CommitTimeout, 5*time.Second)
	set(&cfg.StatusTimeout, 30*time.Second)
	set(&cfg.DoubtTimeout, 3*time.Second)
	set(&cfg.AnswerTimeout, 60*time.Second)
	set(&cfg.Backoff.Base, 20*time.Millisecond)
	set(&cfg.Backoff.Max, 2*time.Second)
	set(&cfg.Drain, 10*time.Second)
	set(&cfg.away, time.Minute)
	set(&cfg.idle, 5*time.Second)
	set(&cfg.probeEvery, 2*time.Second)
	set(&cfg.probeTimeout, 5*time.Second)
	set(&cfg.levelEvery, 5*time.Second)
	set(&cfg.mayLack, 4*time.Second)
	set(&cfg.mayLackOnReturn, time.Second)
}

func set[T ~int | ~int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
