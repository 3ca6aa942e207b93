package main

import "context"

// benchNetSegments measures readings anchored a second, as benchSegments does on the
// embedded ledger: the readings travel as transient data to named endorsers.
func benchNetSegments(ctx context.Context, n *benchNet, _ int) ([]figure, error) {
	if n.devices == nil {
		var err error
		if n.devices, err = n.bindDevices(ctx); err != nil {
			return nil, err
		}
	}
	rate, err := n.anchorRate(ctx, n.devices)
	return []figure{{"net-segments", rate, "readings/s", "required", 50_000}}, err
}
