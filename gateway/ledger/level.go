package ledger

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errBehind ends what is under way at a peer that has fallen behind.
var errBehind = status.Error(codes.Unavailable, "the peer answers and lacks blocks that others have")

// lacks says whether the peer behind route lacks, even after a grace, blocks that others
// have now. One that lies behind – it was away, has lost its data, gets blocks more
// slowly – answers all the same: it endorses what contradicts the others' state, and
// streams and questions for a commit wait there until it has the block. So it counts as
// away.
//
// It takes two others, where two are named: a single one could keep everybody from all
// the rest. With fewer that tell, or no identity to ask with, it lacks nothing.
func (c *Client) lacks(route *route, grace time.Duration) bool {
	id, needed := c.asker.Load(), min(len(c.routes.all)-1, 2)
	if id == nil || needed == 0 {
		return false
	}
	heights := c.heightsBeside(*id, route)
	if len(heights) < needed {
		return false
	}
	slices.Sort(heights)
	height := heights[len(heights)-needed]
	return height > 0 && !c.has(*id, route, height-1, grace)
}

// heightsBeside asks the other peers that are well for their heights, and leaves out who
// does not tell. One that is found away is not asked the next time: a connection file may
// name peers that are no more.
func (c *Client) heightsBeside(id Identity, route *route) (heights []uint64) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.DoubtTimeout)
	defer cancel()
	var mu sync.Mutex
	var answers sync.WaitGroup
	for _, other := range c.routes.all {
		if other == route || !other.well() {
			continue
		}
		answers.Go(func() {
			height, err := c.height(ctx, id, other)
			c.routes.report(other, err)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			heights = append(heights, height)
		})
	}
	answers.Wait()
	return heights
}

// has says whether the peer hands out a block, now or within a grace. It is asked for the
// block and not for its height, which Fabric may have another peer of the organisation
// tell in its place, as it does with all that is evaluated; streams are a peer's own.
func (c *Client) has(id Identity, route *route, number uint64, grace time.Duration) bool {
	gw, err := connect(route, id)
	if err != nil {
		return false
	}
	defer gw.Close()
	ctx, cancel := context.WithTimeout(c.ctx, grace)
	blocks, err := gw.GetNetwork(c.cfg.Channel).FilteredBlockEvents(ctx, client.WithStartBlock(number))
	if err != nil {
		cancel()
		return false
	}
	defer drain(cancel, blocks)
	block := <-blocks // nil when the stream has ended
	return block != nil && block.GetNumber() == number
}
