package main

import (
	"context"
	"fmt"
	"io"
	"net"

	"golang.org/x/sync/errgroup"
)

// runServe runs the whole house, empty.
func runServe(ctx context.Context, args []string, out io.Writer) error {
	cfg, err := readConfig("serve", args, nil)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, out, nil)
}

// serve opens everything, the ledger too unless the configuration names one elsewhere,
// listens, and runs until ctx ends. load, if any, runs once the house answers, and
// readiness waits for it.
func serve(ctx context.Context, cfg Config, out io.Writer, load func(ctx context.Context, n *node, base string) error) error {
	logger, err := logTo(cfg.LogLevel)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return err
	}
	defer listener.Close()
	base := cfg.baseOf(listener)
	if cfg.PublicBase == "" {
		cfg.PublicBase = base
	}
	eng, err := openEngine(cfg, logger)
	if err != nil {
		return err
	}
	defer eng.Close()
	n, err := openNode(cfg, eng, logger)
	if err != nil {
		return err
	}
	defer n.Close()

	var clients *clientPort
	inProcess, ok := eng.(*embeddedEngine)
	if ok && cfg.LedgerAddress != "" {
		if clients, err = cfg.listenToClients(ctx); err != nil {
			return err
		}
		defer clients.Close()
		clients.tell(out)
	}

	told := ctx // ends when the house is told to stop; the group's own also when a part of it fails
	group, ctx := errgroup.WithContext(ctx)
	commands := map[string]adminHandler{"token": n.answerTokens}
	if inProcess, ok := eng.(*embeddedEngine); ok {
		commands["enrol"] = inProcess.answerEnrol
	}
	if err := serveAdmin(ctx, group, cfg.Data, commands, logger); err != nil {
		return err
	}
	answer(ctx, group, n.server(), listener, cfg)
	group.Go(func() error { return n.run(ctx) })
	if clients != nil {
		group.Go(func() error { return inProcess.serveClients(ctx, clients) })
	}
	group.Go(func() error {
		if err := n.prepare(ctx); err != nil {
			return fmt.Errorf("prepare the channel: %w", err)
		}
		if load != nil {
			if err := load(ctx, n, base); err != nil {
				return fmt.Errorf("load: %w", err)
			}
		}
		if err := n.caughtUp(ctx); err != nil {
			return err
		}
		n.ready.Store(true)
		fmt.Fprintf(out, "ready %s\n", base)
		return n.keepEpoch(ctx)
	})
	return ended(told, group.Wait())
}
