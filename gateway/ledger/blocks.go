package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
)

// Blocks calls handle with every block from number from on, in order and each once,
// and then with new ones as they come, until ctx ends or handle fails; it returns
// that cause. Whatever else goes wrong – a lost connection, a stream that closes
// without a word or stands still, a peer that lies behind, a gap – makes it connect again
// where it stopped, through the next connection; when a preferred one is well again it
// goes back there. It never goes back in the chain.
//
// handle is called by one goroutine; the stream waits for it. Blocks are handed on as
// the peer sent them: invalid transactions are in them, marked.
func (c *Client) Blocks(ctx context.Context, id Identity, from uint64, handle func(*common.Block) error) error {
	c.asker.CompareAndSwap(nil, &id)
	f := &follower{Client: c, id: id, handle: handle}
	f.next.Store(from)
	for try := 0; ; try++ {
		route := c.routes.pick(try)
		began := f.next.Load()
		handled, err := f.follow(ctx, route)
		if handled != nil {
			return handled
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		next := f.next.Load()
		if next > began {
			try = 0
		}
		switch {
		case errors.Is(err, errHome):
			try = -1
			c.logger.Info("following the preferred peer again", "next block", next)
			continue
		case errors.Is(err, errStandsStill):
			c.routes.avoid(route, route.stalled(), err)
		default:
			c.routes.report(route, err)
		}
		c.logger.Warn("block stream ended; connecting again", "peer", route.name, "next block", next, "error", err)
		if err := c.pause(ctx, max(try, 0)); err != nil {
			return err
		}
	}
}

// follower is one call of Blocks.
type follower struct {
	*Client
	id     Identity
	handle func(*common.Block) error

	next atomic.Uint64 // number of the block it wants
	busy atomic.Bool   // handle has that block
}

var (
	errStandsStill = errors.New("the stream stands still although the chain goes on")
	errHome        = errors.New("a preferred peer is well again")
)

// follow reads one stream. handled is the error of handle; err is why the stream
// ended otherwise, as far as is known.
func (f *follower) follow(ctx context.Context, route *route) (handled, err error) {
	gw, err := connect(route, f.id)
	if err != nil {
		return nil, err
	}
	defer gw.Close()
	ctx, hangUp := context.WithCancelCause(ctx)
	defer hangUp(nil)
	ctx, done := route.use(ctx)
	blocks, err := gw.GetNetwork(f.cfg.Channel).BlockEvents(ctx, client.WithStartBlock(f.next.Load()))
	if err != nil {
		done()
		return nil, whyEnded(ctx, err)
	}
	defer drain(done, blocks)
	watched := make(chan struct{})
	defer func() { <-watched }()
	defer done()
	go func() {
		defer close(watched)
		f.watch(ctx, route, hangUp)
	}()
	for block := range blocks {
		next := f.next.Load()
		if number := block.GetHeader().GetNumber(); number != next {
			return nil, fmt.Errorf("expected block %d and got %d", next, number)
		}
		route.answered.Store(f.now().UnixNano())
		f.metrics.blocks.WithLabelValues(route.name).Inc()
		f.saw(next)
		f.busy.Store(true)
		err := f.handle(block)
		f.busy.Store(false)
		if err != nil {
			return err, nil
		}
		f.next.Store(next + 1)
	}
	return nil, whyEnded(ctx, nil)
}

// whyEnded prefers what ended the stream from here.
func whyEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// watch ends a stream that brings nothing while the chain goes on: the peer may be
// frozen, cut off from the others, far behind, or may have forgotten the stream. It also
// ends one at a peer that only stood in.
func (f *follower) watch(ctx context.Context, route *route, hangUp context.CancelCauseFunc) {
	ticker := time.NewTicker(f.cfg.idle)
	defer ticker.Stop()
	start := f.next.Load()
	for owed, seen := false, start; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		next := f.next.Load()
		if next > start {
			route.flows()
		}
		switch {
		case f.routes.better(route):
			hangUp(errHome)
			return
		case next != seen || f.busy.Load():
			owed, seen = false, next
		case owed: // a whole round ago the chain had the block already
			hangUp(errStandsStill)
			return
		default:
			owed = f.reaches(ctx, route, next)
		}
	}
}

// reaches says whether anybody has block number: other peers are asked first, this one
// may be behind.
func (f *follower) reaches(ctx context.Context, own *route, number uint64) bool {
	ask := func(r *route) bool {
		patience, cancel := context.WithTimeout(ctx, f.cfg.DoubtTimeout)
		defer cancel()
		height, err := f.height(patience, f.id, r)
		return err == nil && height > number
	}
	for _, other := range f.routes.all {
		if other != own && other.well() && ask(other) {
			return true
		}
	}
	return ask(own)
}

// drain ends a block stream. The stock client's reader waits without limit for its
// blocks to be taken, so what is still on the way has to be taken from it.
func drain[B any](cancel context.CancelFunc, blocks <-chan B) {
	cancel()
	for range blocks {
		// dropped: the stream was cancelled
	}
}
