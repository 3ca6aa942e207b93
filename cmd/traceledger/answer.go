package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

// maxConnections bounds the connections held at once, each a few kilobytes and a file
// descriptor that the stores need too. More wait to be accepted; idle ones are closed
// by the server's time limits.
const maxConnections = 4096

// Requests under way have drainTime to finish once the house is told to stop. What takes
// longer, such as a sheet of thousands of rows, is then told to leave off, and has
// leaveTime to say how far it came before the stores are closed under it.
const (
	drainTime = 10 * time.Second
	leaveTime = 5 * time.Second
)

// answer serves HTTP on the listener until ctx ends, then lets requests under way
// finish for a while.
func answer(ctx context.Context, group *errgroup.Group, server *http.Server, listener net.Listener, cfg Config) {
	requests, leaveOff := context.WithCancel(context.WithoutCancel(ctx))
	server.BaseContext = func(net.Listener) context.Context { return requests }
	listener = netutil.LimitListener(listener, maxConnections)
	group.Go(func() error {
		if cfg.TLSCertificate != "" {
			return closed(server.ServeTLS(listener, cfg.TLSCertificate, cfg.TLSKey))
		}
		return closed(server.Serve(listener))
	})
	group.Go(func() error {
		<-ctx.Done()
		defer leaveOff()
		if drain(server, drainTime) == nil {
			return nil
		}
		leaveOff()
		return errors.Join(drain(server, leaveTime), server.Close())
	})
}

// drain stops listening and waits, so long, for requests under way.
func drain(server *http.Server, patience time.Duration) error {
	grace, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return server.Shutdown(grace)
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
