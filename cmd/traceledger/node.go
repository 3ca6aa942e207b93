package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/desk"
	"traceledger/gateway/floor"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/jt808"
	"traceledger/gateway/ingest/mqtt"
	"traceledger/gateway/ingest/registry"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wallet"
	"traceledger/scanner-api"
)

// node is the whole house above a ledger: stores, submit client, index, REST, desks
// and public pages. Nothing in it knows which engine it stands on.
type node struct {
	cfg       Config
	logger    *slog.Logger
	engine    engine
	store     *store.Store
	wallet    *wallet.Wallet
	index     *index.Index
	ledger    *ledger.Client
	devices   *registry.Registry
	segments  *segment.Segmenter
	sensors   *mqtt.Server  // nil: no address for it
	terminals *jt808.Server // nil: no address for it
	reader    ledger.Identity
	puller    *puller
	floor     *floor.Floor
	monitors  *watching
	api       *api.API
	desks     *desk.Desk
	handler   http.Handler
	ready     atomic.Bool // everything that was to be loaded is loaded
}

// openNode opens what is on disk and wires the services. Close it.
func openNode(cfg Config, eng engine, logger *slog.Logger) (n *node, err error) {
	if cfg.FilesWait == 0 { // not read from anywhere: never take it for "remove at once"
		cfg.FilesWait = store.FilesKept
	}
	n = &node{cfg: cfg, logger: logger, engine: eng}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	metrics := newRegistry()

	if n.store, err = store.Open(store.Config{
		Dir: filepath.Join(cfg.Data, "store"), Logger: logger, FilesKept: cfg.FilesWait, WaitingBytes: cfg.FilesWaitingMB << 20,
	}); err != nil {
		return n, fmt.Errorf("store: %w", err)
	}
	if n.wallet, err = wallet.Open(filepath.Join(cfg.Data, "wallet"), nil); err != nil {
		return n, fmt.Errorf("wallet: %w", err)
	}
	if n.index, err = index.Open(index.Config{Dir: filepath.Join(cfg.Data, "index"), Logger: logger, Metrics: metrics}); err != nil {
		return n, fmt.Errorf("index: %w", err)
	}
	if n.reader, err = readerIn(n.wallet); trace.CodeOf(err) == wallet.CodeUnknownIdentity {
		n.reader, err = n.enrolled(readerName, trace.PlatformMSP, trace.RoleScanner, readerParty)
	}
	if err != nil {
		return n, err
	}
	conns, err := eng.Conns()
	if err != nil {
		return n, err
	}
	counters := ledger.NewMetrics()
	if err = metrics.Register(counters); err != nil {
		return n, err
	}
	if n.ledger, err = ledger.New(ledger.Config{
		Conns: conns, Channel: channelName, Chaincode: chaincodeName,
		Outbox: n.store.Outbox(), Reader: &n.reader, Logger: logger, Metrics: counters, Lag: lag(eng),
	}); err != nil {
		return n, err
	}
	if err = n.openIngest(metrics); err != nil {
		return n, err
	}
	if n.floor, err = n.newFloor(metrics); err != nil {
		return n, err
	}
	limits := api.DefaultLimits()
	limits.PerSecond, limits.Burst = cfg.RequestsPerSecond, int(2*cfg.RequestsPerSecond)
	if n.api, err = api.New(api.Config{
		Ledger: n.ledger, Index: n.index, Store: n.store, Identities: n.wallet, Segments: n.segments, Disconnect: n.disconnect,
		PublicBase: cfg.PublicBase, Limits: limits, Floor: n.floor, Logger: logger,
	}); err != nil {
		return n, err
	}
	proxies, err := cfg.proxies()
	if err != nil {
		return n, err
	}
	if n.puller, err = newPuller(n.store.Files(), cfg.FilesFrom, logger, metrics); err != nil {
		return n, err
	}
	if err = n.openMonitors(metrics); err != nil {
		return n, err
	}
	pages, err := scanner.New(scanner.Config{Index: n.index, Files: n.puller, Scans: n.store.Scans(), BaseURL: cfg.PublicBase, Logger: logger, Metrics: metrics, TrustedProxies: proxies})
	if err != nil {
		return n, err
	}
	if n.desks, err = desk.New(desk.Config{API: n.api, Index: n.index, Store: n.store, PublicBase: cfg.PublicBase, Logger: logger}); err != nil {
		return n, err
	}
	n.handler = n.routes(pages, metrics)
	return n, nil
}

// lag is how far endorsers may be behind what was just committed: nothing where one
// process is all of them.
func lag(eng engine) time.Duration {
	if eng.OneProcess() {
		return 0
	}
	return networkLag
}

// networkLag is how far a peer of a Fabric network may be behind another one.
const networkLag = 500 * time.Millisecond

// enrolled returns the identity kept under name, enrolling it the first time.
func (n *node) enrolled(name, msp string, role trace.Role, party trace.PartyID) (ledger.Identity, error) {
	id, err := n.wallet.Identity(name)
	if trace.CodeOf(err) != wallet.CodeUnknownIdentity {
		return id, err
	}
	certificate, key, err := n.engine.Enrol(msp, name, map[string]string{
		trace.AttributeRole: string(role), trace.AttributeParty: string(party),
	})
	if err != nil {
		return ledger.Identity{}, fmt.Errorf("enrol %s: %w", name, err)
	}
	if err := n.wallet.Put(name, msp, certificate, key); err != nil {
		return ledger.Identity{}, err
	}
	return n.wallet.Identity(name)
}

// Close releases everything openNode opened; the engine stays its owner's.
func (n *node) Close() error {
	var errs []error
	if n.segments != nil {
		errs = append(errs, n.segments.Close())
	}
	if n.ledger != nil {
		errs = append(errs, n.ledger.Close())
	}
	if n.index != nil {
		errs = append(errs, n.index.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

// run follows the chain, finishes what the outbox holds and sweeps until ctx ends.
func (n *node) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return ended(ctx, n.index.Follow(ctx, func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
			return n.ledger.Blocks(ctx, n.reader, from, handle)
		}))
	})
	group.Go(func() error { return ended(ctx, n.ledger.Recover(ctx)) })
	group.Go(func() error { return ended(ctx, n.puller.run(ctx)) })
	group.Go(func() error { return ended(ctx, n.puller.foresee(ctx, n.index)) })
	group.Go(func() error { return n.monitors.run(ctx) })
	group.Go(func() error { return n.keepSwept(ctx) })
	group.Go(func() error { return n.runIngest(ctx) })
	group.Go(func() error { return ended(ctx, n.floor.Run(ctx)) })
	return group.Wait()
}

// ended drops the error of a loop that stopped because it was told to.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (n *node) routes(pages http.Handler, metrics *prometheus.Registry) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.UseRawPath = true
	// No redirect to the path with or without a last slash: it would go where the header
	// X-Forwarded-Prefix says, into caches too.
	r.RedirectTrailingSlash = false
	r.Use(n.recovered)
	n.api.Mount(r)
	r.GET("/metrics", gin.WrapH(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	r.GET("/healthz", n.health)
	r.GET("/readyz", n.readiness)
	r.NoRoute(func(c *gin.Context) {
		// The router begins with 404 here; a handler that just writes means 200, and a
		// browser ignores a style sheet that comes with any other status.
		c.Status(http.StatusOK)
		switch path := c.Request.URL.Path; {
		case below(path, "/v1"): // a program that mistypes a route is not shown a shopper's page
			n.api.NoSuchRoute(c)
		case below(path, "/desk"):
			n.desks.ServeHTTP(c.Writer, c.Request)
		default:
			pages.ServeHTTP(c.Writer, c.Request)
		}
	})
	return r
}

func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// health answers 200 while writes can be made durable.
func (n *node) health(c *gin.Context) {
	body := gin.H{"status": "ok", "height": n.index.Height(), "readingsWaitingBytes": n.segments.Waiting()}
	if n.engine.OneProcess() {
		body["notice"] = oneProcessNotice
	}
	status := http.StatusOK
	if n.diskFailed() {
		status, body["status"] = http.StatusServiceUnavailable, "disk failed"
	}
	c.JSON(status, body)
}

// diskFailed tells whether something could not be made durable, here or in a ledger
// that runs in this process.
func (n *node) diskFailed() bool {
	if own, ok := n.engine.(interface{ Healthy() error }); ok && own.Healthy() != nil {
		return true
	}
	return n.store.Healthy() != nil || n.segments.Healthy() != nil
}

// readiness answers 200 once everything that was to be loaded is loaded and shown, and
// for as long as writes can be made: with the disk failed or the ledger out of reach,
// requests are better sent elsewhere.
func (n *node) readiness(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), 2*time.Second)
	defer cancel()
	status := "ready"
	switch {
	case !n.ready.Load():
		status = "loading"
	case n.diskFailed():
		status = "disk failed"
	default:
		if _, err := n.ledger.Height(ctx, n.reader); err != nil {
			n.logger.Warn("not ready: the ledger does not answer", "error", err)
			status = "ledger out of reach"
		}
	}
	if status != "ready" {
		c.JSON(http.StatusServiceUnavailable, gin.H{"status": status})
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": status, "height": n.index.Height()})
}

// server is an HTTP server with the limits that uploads and long lists need.
func (n *node) server() *http.Server {
	return &http.Server{
		Handler:           n.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      120 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
}
