package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// answer serves HTTP on the listener until ctx ends, then lets requests under way
// finish for a while.
func answer(ctx context.Context, group *errgroup.Group, server *http.Server, listener net.Listener, cfg Config) {
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
}

func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// baseOf is the address of what listens there.
func (c Config) baseOf(listener net.Listener) string {
	if c.TLSCertificate != "" {
		return "https://" + listener.Addr().String()
	}
	return "http://" + listener.Addr().String()
}

// oneProcessNotice is what every role on an embedded ledger says of it.
const oneProcessNotice = "embedded ledger: one process holds every organisation's key"

// state is what a role that has no REST interface answers at /healthz and /readyz.
type state struct {
	Status string `json:"status"`
	Height uint64 `json:"height"` // blocks on the chain, or folded into the read model
	Notice string `json:"notice,omitempty"`
}

func sendState(w http.ResponseWriter, status int, s state) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(s) // who asked may be gone
}
