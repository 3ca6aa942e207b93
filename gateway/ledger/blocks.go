package ledger

import (
	"context"
	"fmt"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
)

// Blocks calls handle with every block from number from on, in order and each once,
// and then with new ones as they come, until ctx ends or handle fails; it returns
// that cause. Whatever else goes wrong – a lost connection, a stream that closes
// without a word, a gap – makes it connect again where it stopped, through the next
// connection.
//
// handle is called by one goroutine; the stream waits for it. Blocks are handed on as
// the peer sent them: invalid transactions are in them, marked.
func (c *Client) Blocks(ctx context.Context, id Identity, from uint64, handle func(*common.Block) error) error {
	for try := 0; ; try++ {
		route := c.routes.pick(try)
		next, handled, err := c.follow(ctx, id, route, from, handle)
		if handled != nil {
			return handled
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.routes.report(route, err)
		if next > from {
			from, try = next, 0
		}
		c.logger.Warn("block stream ended; connecting again", "next block", from, "error", err)
		if err := c.pause(ctx, try); err != nil {
			return err
		}
	}
}

// follow reads one stream. handled is the error of handle; err is why the stream
// ended otherwise, as far as is known.
func (c *Client) follow(ctx context.Context, id Identity, route *route, from uint64, handle func(*common.Block) error) (next uint64, handled, err error) {
	gw, err := connect(route, id)
	if err != nil {
		return from, nil, err
	}
	defer gw.Close()
	ctx, cancel := context.WithCancel(ctx)
	blocks, err := gw.GetNetwork(c.cfg.Channel).BlockEvents(ctx, client.WithStartBlock(from))
	if err != nil {
		cancel()
		return from, nil, err
	}
	defer drain(cancel, blocks)
	for block := range blocks {
		if number := block.GetHeader().GetNumber(); number != from {
			return from, nil, fmt.Errorf("expected block %d and got %d", from, number)
		}
		c.saw(from)
		if err := handle(block); err != nil {
			return from, err, nil
		}
		from++
	}
	return from, nil, nil
}

// drain ends a block stream. The stock client's reader waits without limit for its
// blocks to be taken, so what is still on the way has to be taken from it.
func drain[B any](cancel context.CancelFunc, blocks <-chan B) {
	cancel()
	for range blocks {
		// dropped: the stream was cancelled
	}
}
