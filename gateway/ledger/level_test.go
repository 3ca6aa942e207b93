package ledger

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// laggingConn leads to a peer that answers and can be made to lack blocks: its streams and
// its answers for commits wait until it has the block, its endorsements contradict those
// of others, and it tells the height that it has.
type laggingConn struct {
	grpc.ClientConnInterface
	chain func() uint64 // the height of the others

	mu     sync.Mutex
	height uint64
	grown  chan struct{} // closed when height grows

	away     atomic.Bool   // nothing is answered
	claims   atomic.Uint64 // the height it tells, if it is not the true one
	endorsed atomic.Int64
	asked    atomic.Int64 // for commits
}

func newLaggingConn(n *network) *laggingConn {
	return &laggingConn{ClientConnInterface: n.ledger.Conn(), chain: n.ledger.Height, height: math.MaxUint64, grown: make(chan struct{})}
}

// reach lets it have so many blocks.
func (l *laggingConn) reach(height uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.height = height
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *laggingConn) level() { l.reach(math.MaxUint64) }

func (l *laggingConn) behind() (uint64, chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.height, l.grown
}

// await waits for a block.
func (l *laggingConn) await(ctx context.Context, number uint64) error {
	for {
		height, grown := l.behind()
		if number < height {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

func (l *laggingConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if l.away.Load() {
		return gone
	}
	height, _ := l.behind()
	if strings.HasSuffix(method, "/"+endorsing) {
		if height < l.chain() {
			return status.Error(codes.Aborted, "failed to assemble transaction: ProposalResponsePayloads do not match")
		}
		l.endorsed.Add(1)
	}
	if err := l.ClientConnInterface.Invoke(ctx, method, args, reply, opts...); err != nil {
		return err
	}
	switch reply := reply.(type) {
	case *gateway.CommitStatusResponse:
		l.asked.Add(1)
		return l.await(ctx, reply.GetBlockNumber())
	case *gateway.EvaluateResponse:
		question := args.(*gateway.EvaluateRequest).GetProposedTransaction().GetProposalBytes()
		if bytes.Contains(question, []byte("GetChainInfo")) {
			info := &common.BlockchainInfo{}
			if err := proto.Unmarshal(reply.GetResult().GetPayload(), info); err != nil {
				return err
			}
			info.Height = min(info.GetHeight(), height)
			if claimed := l.claims.Load(); claimed != 0 {
				info.Height = claimed
			}
			var err error
			reply.Result.Payload, err = proto.Marshal(info)
			return err
		}
	}
	return nil
}

func (l *laggingConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if l.away.Load() {
		return nil, gone
	}
	stream, err := l.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	return &laggingStream{stream, l}, err
}

type laggingStream struct {
	grpc.ClientStream
	conn *laggingConn
}

func (s *laggingStream) RecvMsg(m any) error {
	if err := s.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	response := m.(*peer.DeliverResponse)
	number := response.GetFilteredBlock().GetNumber()
	if block := response.GetBlock(); block != nil {
		number = block.GetHeader().GetNumber()
	}
	return s.conn.await(s.Context(), number)
}

// lagged is a client at three peers, of which any may fall behind, that follows blocks.
type lagged struct {
	*Client
	n     *network
	conns [3]*laggingConn
	next  atomic.Uint64 // number of the block that it follows next
}

func lag(t *testing.T, options ...func(*Config)) *lagged {
	n := newNetwork(t)
	l := &lagged{n: n}
	var conns []grpc.ClientConnInterface
	for i := range l.conns {
		l.conns[i] = newLaggingConn(n)
		conns = append(conns, l.conns[i])
	}
	l.Client = n.client(t, openStore(t, vfs.NewMem()), append([]func(*Config){n.withReader, func(cfg *Config) {
		cfg.Conns, cfg.Conflicts = conns, 1_000_000
		cfg.CommitTimeout, cfg.DoubtTimeout, cfg.away = 200*time.Millisecond, 500*time.Millisecond, 200*time.Millisecond
		cfg.idle, cfg.probeEvery, cfg.levelEvery = time.Hour, 10*time.Millisecond, 20*time.Millisecond
		cfg.mayLack, cfg.mayLackOnReturn = 300*time.Millisecond, 300*time.Millisecond
	}}, options...)...)
	ctx, cancel := context.WithCancel(background)
	ended := make(chan error, 1)
	go func() {
		ended <- l.Blocks(ctx, n.farm, 0, func(block *common.Block) error {
			l.next.Store(block.GetHeader().GetNumber() + 1)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, l.Close())
	})
	awaitStream(t, l.Client)
	return l
}

// writes demands that a call takes effect and that the follower has its block.
func (l *lagged) writes(t *testing.T, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(background, 2*patience)
	defer cancel()
	receipt, err := l.Submit(ctx, l.n.farm, write(key, key))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return l.next.Load() > receipt.Block }, patience, time.Millisecond)
}

// returns demands that the own peer has its place back and serves.
func (l *lagged) returns(t *testing.T, key string) {
	t.Helper()
	// A machine that stood still for longer than a peer may lack a block can make others
	// stand in once more, but not for good.
	for began, n := time.Now(), 0; ; n++ {
		require.Eventually(t, l.routes.all[0].well, patience, time.Millisecond)
		endorsed := l.conns[0].endorsed.Load()
		l.writes(t, fmt.Sprint(key, n))
		if l.conns[0].endorsed.Load() > endorsed {
			return
		}
		require.Less(t, time.Since(began), patience, "its own peer is not asked")
	}
}

// lacking demands what the others' heights say of a peer, once they have told them.
func (l *lagged) lacking(t *testing.T, route *route, want bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		return len(l.heightsBeside(*l.asker.Load(), route)) == 2 && l.lacks(route, time.Second) == want
	}, patience, time.Millisecond)
}

// A peer that falls behind while it is in use is left for all that it is asked, and has its
// place back once it is level.
func TestPeerThatFallsBehindIsLeft(t *testing.T) {
	l := lag(t)
	l.returns(t, "before")
	l.conns[0].reach(l.n.ledger.Height())
	l.writes(t, "the block that it lacks")
	l.writes(t, "behind")
	require.Eventually(t, func() bool { return !l.routes.all[0].well() }, patience, time.Millisecond, "its endorsements contradict the others'")
	l.writes(t, "still behind")
	l.conns[0].level()
	l.returns(t, "level")
}

// A peer that comes back without its data answers long before it is level. Until then it
// stays away.
func TestPeerWithoutDataHasNoPlace(t *testing.T) {
	// If the others do not tell their heights in time, it lacks nothing.
	l := lag(t, func(cfg *Config) { cfg.DoubtTimeout = patience })
	l.writes(t, "before")
	l.conns[0].away.Store(true)
	l.routes.report(l.routes.all[0], gone)
	l.routes.all[0].abandon(gone)
	l.writes(t, "away")
	for height := range l.n.ledger.Height() - 1 {
		l.conns[0].reach(height)
		l.conns[0].away.Store(false)
		answered := l.routes.all[0].answered.Load()
		require.Eventually(t, func() bool { return l.routes.all[0].answered.Load() > answered }, patience, time.Millisecond, "it is asked, and answers")
		l.writes(t, "catching up "+string(rune('a'+height)))
		require.False(t, l.routes.all[0].well())
	}
	l.conns[0].level()
	l.returns(t, "level")
}

// Peers that are away tell no height, and keep nobody from its place.
func TestPeersAwayAreNotComparedWith(t *testing.T) {
	l := lag(t)
	l.conns[0].away.Store(true)
	l.routes.report(l.routes.all[0], gone)
	l.routes.all[0].abandon(gone)
	l.conns[2].away.Store(true)
	l.writes(t, "away")
	l.conns[0].away.Store(false)
	l.returns(t, "level")
	require.False(t, l.routes.all[2].well())
}

// One peer that claims blocks nobody has does not take the others out; two could.
func TestOneClaimMakesNobodyBehind(t *testing.T) {
	l := lag(t)
	l.conns[1].claims.Store(1_000_000)
	own, other := l.routes.all[0], l.routes.all[2]
	l.lacking(t, own, false)
	l.lacking(t, other, false)
	l.writes(t, "before")
	require.Eventually(t, own.well, patience, time.Millisecond) // a slow stream makes it lack a block for a moment
	l.conns[2].claims.Store(1_000_000)
	l.lacking(t, own, true)
}

// The only other peer that tells a height keeps nobody away by it.
func TestOneClaimAloneKeepsNobodyAway(t *testing.T) {
	l := lag(t)
	l.writes(t, "before")
	l.conns[1].claims.Store(1_000_000)
	l.conns[2].away.Store(true)
	l.routes.report(l.routes.all[2], gone)
	l.routes.avoid(l.routes.all[0], 0, gone)
	l.returns(t, "back")
}

// A stream and a question that wait at a peer behind the others cost a moment each, not
// the whole patience for a commit.
func TestOutcomeIsAskedElsewhere(t *testing.T) {
	for name, option := range map[string]func(*Config){
		"after a silent stream": func(*Config) {},
		"without a stream":      func(cfg *Config) { cfg.Reader = nil },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			own, other := newLaggingConn(n), newLaggingConn(n)
			// It endorses, and does not have the block.
			own.ClientConnInterface = onSubmit{own.ClientConnInterface, sync.OnceFunc(func() { own.reach(n.ledger.Height()) })}
			c := n.client(t, openStore(t, vfs.NewMem()), n.withReader, func(cfg *Config) {
				cfg.Conns = []grpc.ClientConnInterface{own, other}
				cfg.CommitTimeout, cfg.DoubtTimeout, cfg.StatusTimeout = 50*time.Millisecond, 200*time.Millisecond, time.Hour
				cfg.levelEvery = time.Hour // it is not found behind
			}, option)
			if c.cfg.Reader != nil {
				awaitStream(t, c)
			}
			ctx, cancel := context.WithTimeout(background, 2*patience)
			defer cancel()
			_, err := c.Submit(ctx, n.farm, write("key", "key"))
			require.NoError(t, err)
			require.Positive(t, own.endorsed.Load())
			require.Positive(t, other.asked.Load())
			require.NoError(t, c.Close())
		})
	}
}

// onSubmit does something before a transaction is sent.
type onSubmit struct {
	grpc.ClientConnInterface
	do func()
}

func (c onSubmit) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if strings.HasSuffix(method, "/"+submitting) {
		c.do()
	}
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}
