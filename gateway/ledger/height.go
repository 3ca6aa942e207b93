package ledger

import (
	"context"
	"errors"
)

// Height is the number of blocks on the chain, as the first gateway that answers has
// them.
func (c *Client) Height(ctx context.Context, id Identity) (uint64, error) {
	var failed error
	for try := range len(c.routes.all) {
		route := c.routes.pick(try)
		height, err := c.height(ctx, id, route)
		if err == nil || ctx.Err() != nil {
			return height, errors.Join(err, ctx.Err())
		}
		c.routes.report(route, err)
		failed = errors.Join(failed, err)
	}
	return 0, failed
}
