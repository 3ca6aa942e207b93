package ledger

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"traceledger/chaincode/trace"
)

// freezingConn leads to a peer whose process can be stopped, as by SIGSTOP: connections
// stay, calls and streams are not answered, and go on when it is continued.
type freezingConn struct {
	grpc.ClientConnInterface
	t testing.TB

	mu       sync.Mutex
	thawed   chan struct{} // closed while the peer runs
	tries    atomic.Int64  // to have it endorse
	waiting  atomic.Int64  // those that it has not answered
	endorsed atomic.Int64
	blocks   atomic.Int64 // messages of streams

	streams bool // only these stand still
}

func newFreezingConn(t testing.TB, conn grpc.ClientConnInterface) *freezingConn {
	f := &freezingConn{ClientConnInterface: conn, t: t, thawed: make(chan struct{})}
	close(f.thawed)
	return f
}

func (f *freezingConn) freeze(streamsOnly bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.thawed, f.streams = make(chan struct{}), streamsOnly
}

func (f *freezingConn) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.thawed)
}

func (f *freezingConn) wait(ctx context.Context, stream bool) error {
	f.mu.Lock()
	thawed, streams := f.thawed, f.streams
	f.mu.Unlock()
	if streams && !stream {
		return nil
	}
	select {
	case <-thawed:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func (f *freezingConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	endorse := strings.HasSuffix(method, "/Endorse")
	if endorse {
		f.tries.Add(1)
		f.waiting.Add(1)
		defer f.waiting.Add(-1)
	}
	if err := f.wait(ctx, false); err != nil {
		return err
	}
	if endorse {
		f.endorsed.Add(1)
	}
	return f.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

func (f *freezingConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := f.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	return &freezingStream{stream, f}, err
}

type freezingStream struct {
	grpc.ClientStream
	conn *freezingConn
}

func (s *freezingStream) RecvMsg(m any) error {
	if err := s.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	if err := s.conn.wait(s.Context(), true); err != nil {
		return err
	}
	s.conn.blocks.Add(1)
	return nil
}

// followed is a client at two peers, the first of which may freeze, that follows blocks.
type followed struct {
	*Client
	n          *network
	own, other *freezingConn
	seen       chan uint64
	next       uint64
}

func follow(t *testing.T) *followed {
	n := newNetwork(t)
	f := &followed{n: n, own: newFreezingConn(t, n.ledger.Conn()), other: newFreezingConn(t, n.ledger.Conn()), seen: make(chan uint64, 1000)}
	f.Client = n.client(t, openStore(t, vfs.NewMem()), n.withReader, func(cfg *Config) {
		cfg.Conns = []grpc.ClientConnInterface{f.own, f.other}
		cfg.idle, cfg.probeEvery, cfg.probeTimeout = 30*time.Millisecond, 20*time.Millisecond, 50*time.Millisecond
		cfg.CommitTimeout, cfg.DoubtTimeout, cfg.away = 300*time.Millisecond, 50*time.Millisecond, 200*time.Millisecond
		// Whoever waited until an endorsement is given up would wait in vain; whoever asks
		// around while all peers hang may do so for as long as the test takes.
		cfg.EndorseTimeout, cfg.Unreachable = time.Hour, 1_000_000
	})
	ctx, cancel := context.WithCancel(background)
	ended := make(chan error, 1)
	go func() {
		ended <- f.Blocks(ctx, n.farm, 0, func(block *common.Block) error {
			f.seen <- block.GetHeader().GetNumber()
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, f.Close())
	})
	return f
}

// sees waits for every block that there is, each once and in order.
func (f *followed) sees(t *testing.T) {
	t.Helper()
	for height := f.n.ledger.Height(); f.next < height; f.next++ {
		select {
		case got := <-f.seen:
			require.Equal(t, f.next, got, "in order, each once")
		case <-time.After(patience):
			require.FailNow(t, "block not followed", "%d of %d", f.next, height)
		}
	}
}

func (f *followed) writes(t *testing.T, key string) {
	t.Helper()
	_, err := f.Submit(background, f.n.farm, write(key, key))
	require.NoError(t, err)
	f.sees(t)
}

// writesAtOwn demands that its own peer alone endorses. A machine that stood still for
// longer than a peer has to answer may make another stand in once, but not for good.
func (f *followed) writesAtOwn(t *testing.T, key string) {
	t.Helper()
	for began, n := time.Now(), 0; ; n++ {
		own, other := f.own.endorsed.Load(), f.other.endorsed.Load()
		f.writes(t, fmt.Sprint(key, n))
		if f.own.endorsed.Load() > own && f.other.endorsed.Load() == other {
			return
		}
		require.Less(t, time.Since(began), patience, "its own peer is not asked")
	}
}

// A peer whose process hangs holds up neither writers nor followers; it is the first again
// once it goes on.
func TestFrozenPeerIsLeftAndFoundAgain(t *testing.T) {
	f := follow(t)
	f.writesAtOwn(t, "before")
	other := f.other.endorsed.Load()
	f.own.freeze(false)
	f.writes(t, "frozen")
	require.Greater(t, f.other.endorsed.Load(), other)
	require.False(t, f.routes.all[0].well())
	f.own.thaw()
	require.Eventually(t, f.routes.all[0].well, patience, time.Millisecond)
	blocks := f.own.blocks.Load()
	f.writesAtOwn(t, "after")
	require.Eventually(t, func() bool { return f.own.blocks.Load() > blocks }, patience, time.Millisecond)
	f.writes(t, "last")
}

// A peer that answers but whose block stream stands still – it has forgotten the stream,
// is cut off or lies far behind – is left, and does not make the follower go back.
func TestStreamThatStandsStillIsLeft(t *testing.T) {
	f := follow(t)
	f.writes(t, "before")
	f.own.freeze(true)
	began := f.other.blocks.Load()
	f.writes(t, "stands still")
	require.Greater(t, f.other.blocks.Load(), began)
	f.own.thaw()
	f.writes(t, "after")
}

// While all peers hang nothing is lost, and all goes on with the first that goes on.
func TestAllPeersFrozen(t *testing.T) {
	f := follow(t)
	f.writes(t, "before")
	f.own.freeze(false)
	f.other.freeze(false)
	answered := make(chan error, 1)
	go func() {
		_, err := f.Submit(background, f.n.farm, write("frozen", "frozen"))
		answered <- err
	}()
	require.Eventually(t, func() bool { return !f.routes.all[0].well() }, patience, time.Millisecond)
	f.other.thaw()
	require.Eventually(t, func() bool {
		select {
		case err := <-answered:
			return err == nil
		default:
			return false
		}
	}, patience, time.Millisecond)
	f.sees(t)
	f.own.thaw()
}

// A call that waits at a peer that hangs, as it came there when all did, goes on with
// another that goes on.
func TestCallsLeaveAFrozenPeerOnceAnotherGoesOn(t *testing.T) {
	f := follow(t)
	f.writes(t, "before")
	tries := f.own.tries.Load() + f.other.tries.Load()
	f.own.freeze(false)
	f.other.freeze(false)
	answered := make(chan error, 1)
	go func() {
		_, err := f.Submit(background, f.n.farm, write("frozen", "frozen"))
		answered <- err
	}()
	var at, elsewhere *freezingConn
	still, seen := 0, tries
	require.Eventually(t, func() bool { // each was left once, and the call stays at one of them
		if at, elsewhere = f.own, f.other; f.other.waiting.Load() > 0 {
			at, elsewhere = f.other, f.own
		}
		now := f.own.tries.Load() + f.other.tries.Load()
		if still++; now != seen || now < tries+2 || at.waiting.Load() == 0 || f.routes.anyWell() {
			still, seen = 0, now
		}
		return still == 50
	}, patience, time.Millisecond)
	elsewhere.thaw()
	require.NoError(t, <-answered)
	f.sees(t)
	at.thaw()
}

// A call whose turn does not come in time is refused, and nothing of it was sent.
func TestWaitingIsBounded(t *testing.T) {
	n := newNetwork(t)
	own := newFreezingConn(t, n.ledger.Conn())
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) {
		cfg.Conns, cfg.MaxInFlight, cfg.MaxWait = []grpc.ClientConnInterface{own}, 1, 50*time.Millisecond
	})
	own.freeze(false)
	first := make(chan error, 1)
	go func() {
		_, err := c.Submit(background, n.farm, write("first", "first"))
		first <- err
	}()
	require.Eventually(t, func() bool { return len(c.slots) == 1 }, patience, time.Millisecond)
	_, err := c.Submit(background, n.farm, write("second", "second"))
	require.Equal(t, CodeBusy, trace.CodeOf(err))
	own.thaw()
	require.NoError(t, <-first)
	require.Empty(t, n.value("second"))
	_, err = c.Submit(background, n.farm, write("second", "second"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// A call that was sent before, by a process that ended, is not said to be unsent because
// there is no turn for it now.
func TestWaitingDoesNotDenyWhatWasSent(t *testing.T) {
	n := newNetwork(t)
	s := openStore(t, vfs.NewMem())
	ctx, kill := context.WithCancel(background)
	c := n.client(t, s, func(cfg *Config) {
		cfg.Drain, cfg.Backoff = time.Nanosecond, Backoff{Base: time.Hour, Max: time.Hour}
	})
	n.faults.set(func(method string, nth int, proceed func() error) error {
		if method != submitting {
			return proceed()
		}
		_ = proceed()
		kill()
		return gone
	})
	_, err := c.Submit(ctx, n.farm, add("page", "key"))
	require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(err))
	_ = c.Close()
	n.faults.set(nil)

	own := newFreezingConn(t, n.ledger.Conn())
	c = n.client(t, s, func(cfg *Config) {
		cfg.Conns, cfg.MaxInFlight, cfg.MaxWait = []grpc.ClientConnInterface{own}, 1, 50*time.Millisecond
	})
	own.freeze(false)
	first := make(chan error, 1)
	go func() {
		_, err := c.Submit(background, n.farm, write("first", "first"))
		first <- err
	}()
	require.Eventually(t, func() bool { return len(c.slots) == 1 }, patience, time.Millisecond)
	_, err = c.Submit(background, n.farm, add("page", "key"))
	require.Equal(t, CodeOutcomeUnknown, trace.CodeOf(err), "%v", err)
	var unknown *UnknownOutcome
	require.ErrorAs(t, err, &unknown)
	require.NotEmpty(t, unknown.TransactionID)
	own.thaw()
	require.NoError(t, <-first)
	_, err = c.Submit(background, n.farm, add("page", "key"))
	require.NoError(t, err)
	require.Equal(t, 1, n.validWrites("page"))
	require.NoError(t, c.Close())
}
