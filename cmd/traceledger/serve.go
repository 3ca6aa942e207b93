package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

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

// serve opens everything, listens, and runs until ctx ends. load, if any, runs once
// the house answers, and readiness waits for it.
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
	base := "http://" + listener.Addr().String()
	if cfg.TLSCertificate != "" {
		base = "https://" + listener.Addr().String()
	}
	if cfg.PublicBase == "" {
		cfg.PublicBase = base
	}
	eng, err := openEmbedded(cfg.Data, logger)
	if err != nil {
		return err
	}
	defer eng.Close()
	n, err := openNode(cfg, eng, logger)
	if err != nil {
		return err
	}
	defer n.Close()

	told := ctx // ends when the house is told to stop; the group's own also when a part of it fails
	group, ctx := errgroup.WithContext(ctx)
	server := n.server()
	server.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	group.Go(func() error {
		if cfg.TLSCertificate != "" {
			return closed(server.ServeTLS(listener, cfg.TLSCertificate, cfg.TLSKey))
		}
		return closed(server.Serve(listener))
	})
	group.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(grace)
	})
	group.Go(func() error { return n.run(ctx) })
	if cfg.LedgerAddress != "" {
		certificate, err := tls.LoadX509KeyPair(cfg.TLSCertificate, cfg.TLSKey)
		if err != nil {
			return err
		}
		group.Go(func() error {
			return eng.serveClients(ctx, cfg.LedgerAddress, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
		})
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

func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
