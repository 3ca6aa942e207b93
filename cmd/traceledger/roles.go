package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wallet"
	"traceledger/scanner-api"
)

// runLedger runs the embedded ledger alone and serves it to stock Fabric clients.
func runLedger(ctx context.Context, args []string, out io.Writer) error {
	cfg, err := readConfig("ledger", args, nil)
	if err != nil {
		return err
	}
	logger, err := logTo(cfg.LogLevel)
	if err != nil {
		return err
	}
	eng, err := openEmbedded(cfg.Data, logger)
	if err != nil {
		return err
	}
	defer eng.Close()
	answering, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return err
	}
	defer answering.Close()
	clients, err := cfg.listenToClients(ctx)
	if err != nil {
		return err
	}
	defer clients.Close()

	told := ctx
	group, ctx := errgroup.WithContext(ctx)
	if err := serveAdmin(ctx, group, cfg.Data, map[string]adminHandler{"enrol": eng.answerEnrol}, logger); err != nil {
		return err
	}
	group.Go(func() error { return eng.serveClients(ctx, clients) })
	answer(ctx, group, &http.Server{Handler: ledgerPages(eng), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}, answering, cfg)
	clients.tell(out)
	fmt.Fprintf(out, "ready %s\n", cfg.baseOf(answering))
	return ended(told, group.Wait())
}

// ledgerPages are what an operator asks a ledger that stands alone.
func ledgerPages(eng *embeddedEngine) http.Handler {
	metrics := newRegistry()
	metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "traceledger_ledger_height", Help: "Blocks on the chain.",
	}, func() float64 { return float64(eng.Height()) }))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		sendState(w, http.StatusOK, state{Status: "ok", Height: eng.Height(), Notice: oneProcessNotice})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		sendState(w, http.StatusOK, state{Status: "ready", Height: eng.Height()})
	})
	return mux
}

// runGateway runs REST, desks and pages on a ledger elsewhere.
func runGateway(ctx context.Context, args []string, out io.Writer) error {
	cfg, err := readConfig("gateway", args, nil)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, out, nil)
}

// runScanner runs the public pages alone on a ledger elsewhere.
func runScanner(ctx context.Context, args []string, out io.Writer) (err error) {
	cfg, err := readConfig("scanner", args, nil)
	if err != nil {
		return err
	}
	logger, err := logTo(cfg.LogLevel)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return err
	}
	defer listener.Close()
	if cfg.PublicBase == "" {
		cfg.PublicBase = cfg.baseOf(listener)
	}
	eng, err := openRemote(cfg.Connection)
	if err != nil {
		return err
	}
	defer eng.Close()
	public, err := openPublic(cfg, eng, logger)
	if err != nil {
		return err
	}
	defer public.Close()

	told := ctx
	group, ctx := errgroup.WithContext(ctx)
	answer(ctx, group, scanner.NewServer(public.routes()), listener, cfg)
	group.Go(func() error { return ended(ctx, public.follow(ctx)) })
	group.Go(func() error { return ended(ctx, public.puller.run(ctx)) })
	group.Go(func() error { return ended(ctx, public.puller.foresee(ctx, public.index)) })
	group.Go(func() error {
		if err := caughtUp(ctx, public.ledger, public.reader, public.index, logger); err != nil {
			return ended(ctx, err)
		}
		public.ready.Store(true)
		fmt.Fprintf(out, "ready %s\n", cfg.baseOf(listener))
		return nil
	})
	return ended(told, group.Wait())
}

// public is the scanner role: pages made from its own read model, files and scan
// counts. It holds no identity that may write.
type public struct {
	engine  engine
	store   *store.Store
	index   *index.Index
	ledger  *ledger.Client
	reader  ledger.Identity
	puller  *puller
	pages   *scanner.Scanner
	metrics *prometheus.Registry
	ready   atomic.Bool
}

func openPublic(cfg Config, eng engine, logger *slog.Logger) (p *public, err error) {
	p = &public{engine: eng, metrics: newRegistry()}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	identities, err := wallet.Open(filepath.Join(cfg.Data, "wallet"), nil)
	if err != nil {
		return p, fmt.Errorf("wallet: %w", err)
	}
	if p.reader, err = readerIn(identities); err != nil {
		return p, fmt.Errorf("%w; where the ledger's data are: traceledger enrol -role %s -party %s -to WALLET", err, trace.RoleScanner, readerParty)
	}
	if p.store, err = store.Open(store.Config{Dir: filepath.Join(cfg.Data, "store"), Logger: logger}); err != nil {
		return p, fmt.Errorf("store: %w", err)
	}
	if p.index, err = index.Open(index.Config{Dir: filepath.Join(cfg.Data, "index"), Logger: logger, Metrics: p.metrics}); err != nil {
		return p, fmt.Errorf("index: %w", err)
	}
	conns, err := eng.Conns()
	if err != nil {
		return p, err
	}
	// Nothing is submitted here: the outbox stays empty, and no commits are listened for.
	if p.ledger, err = ledger.New(ledger.Config{
		Conns: conns, Channel: channelName, Chaincode: chaincodeName, Outbox: p.store.Outbox(), Logger: logger,
	}); err != nil {
		return p, err
	}
	if p.puller, err = newPuller(p.store.Files(), cfg.FilesFrom, logger, p.metrics); err != nil {
		return p, err
	}
	proxies, err := cfg.proxies()
	if err != nil {
		return p, err
	}
	p.pages, err = scanner.New(scanner.Config{Index: p.index, Files: p.puller, Scans: p.store.Scans(), BaseURL: cfg.PublicBase, Logger: logger, Metrics: p.metrics, TrustedProxies: proxies})
	return p, err
}

// follow keeps the read model at the chain's height until ctx ends.
func (p *public) follow(ctx context.Context) error {
	return p.index.Follow(ctx, func(ctx context.Context, from uint64, handle func(*common.Block) error) error {
		return p.ledger.Blocks(ctx, p.reader, from, handle)
	})
}

func (p *public) routes() http.Handler {
	metrics := promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{})
	// Not a ServeMux: it would clean the paths, in which a lot may hold anything.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			metrics.ServeHTTP(w, r)
		case "/healthz":
			p.health(w)
		case "/readyz":
			p.readiness(w)
		default:
			p.pages.ServeHTTP(w, r)
		}
	})
}

// health answers 200 while scans can be counted durably.
func (p *public) health(w http.ResponseWriter) {
	s, status := state{Status: "ok", Height: p.index.Height()}, http.StatusOK
	if p.engine.OneProcess() {
		s.Notice = oneProcessNotice
	}
	if p.store.Healthy() != nil {
		s.Status, status = "disk failed", http.StatusServiceUnavailable
	}
	sendState(w, status, s)
}

// readiness answers 200 once the read model has been level with the chain.
func (p *public) readiness(w http.ResponseWriter) {
	if !p.ready.Load() {
		sendState(w, http.StatusServiceUnavailable, state{Status: "loading", Height: p.index.Height()})
		return
	}
	sendState(w, http.StatusOK, state{Status: "ready", Height: p.index.Height()})
}

// Close releases what openPublic opened; the engine stays its owner's.
func (p *public) Close() error {
	var errs []error
	if p.pages != nil {
		p.pages.Close()
	}
	if p.ledger != nil {
		errs = append(errs, p.ledger.Close())
	}
	if p.index != nil {
		errs = append(errs, p.index.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	return errors.Join(errs...)
}

func newRegistry() *prometheus.Registry {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return metrics
}

// enrolmentName is what an identity is called in wallets.
func enrolmentName(party trace.PartyID, role trace.Role) string {
	return strings.Join([]string{string(party), string(role)}, "@")
}
