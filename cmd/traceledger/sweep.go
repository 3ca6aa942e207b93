package main

import (
	"context"
	"errors"
	"time"

	"traceledger/gateway/store"
)

// The first sweep comes soon after the start, so that a house that is started every
// day sweeps at all.
const (
	firstSweep = 10 * time.Minute
	mostSweep  = 24 * time.Hour
)

// keepSwept drops, once a day, answers to idempotency keys older than their retention
// and uploads that no record has named within theirs.
func (n *node) keepSwept(ctx context.Context) error {
	every := min(mostSweep, max(n.cfg.FilesWait/4, time.Second))
	timer := time.NewTimer(min(firstSweep, every))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-timer.C:
			timer.Reset(every)
			swept, err := n.store.Sweep(ctx, now.Add(-store.AnswersKept), now.Add(-n.cfg.FilesWait), func(hashes []store.Hash) (map[store.Hash]bool, error) {
				return n.named(ctx, hashes)
			})
			if err != nil && ctx.Err() == nil {
				n.logger.Warn("not swept; tried again later", "error", err)
			} else if swept != (store.Swept{}) {
				n.logger.Info("swept", "answers", swept.Answers, "files", swept.Files, "strays", swept.Strays)
			}
		}
	}
}

// named tells which of the hashes stand on the chain or are on their way there. It
// looks into the outbox first: what leaves it meanwhile is on the chain by the time the
// read model has caught up. While the ledger cannot be asked how far that is, nothing is
// known.
func (n *node) named(ctx context.Context, hashes []store.Hash) (map[store.Hash]bool, error) {
	named := make(map[store.Hash]bool, len(hashes))
	for _, h := range hashes {
		named[h] = false
	}
	look := func(value []byte) error {
		for _, h := range store.Mentioned(value) {
			if _, wanted := named[h]; wanted {
				named[h] = true
			}
		}
		return nil
	}
	err := n.store.Outbox().Pending(func(_ string, row []byte) error { return look(row) })
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	height, err := n.ledger.Height(wait, n.reader)
	if err != nil {
		return nil, err
	}
	if height == 0 {
		return nil, errors.New("the chain has no block yet")
	}
	if err := n.index.WaitFor(wait, height-1); err != nil {
		return nil, err
	}
	return named, n.index.Values(ctx, look)
}
