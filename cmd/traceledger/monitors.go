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
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/monitor"
	"traceledger/gateway/monitor/coldchain"
	"traceledger/gateway/monitor/freshness"
	"traceledger/gateway/monitor/label"
	"traceledger/gateway/monitor/route"
	"traceledger/gateway/store"
	"traceledger/gateway/wallet"
)

// Monitors says which monitors run in a process, and as whom.
type Monitors struct {
	// Run names them: coldchain, route, freshness, label; or all.
	Run []string `yaml:"run"`
	// Party is whose verdicts they are; its identity of role monitor lies in the wallet,
	// PARTY@monitor, where the embedded ledger puts it by itself.
	Party trace.PartyID `yaml:"party"`
}

// monitorParty is who monitors are unless the configuration says otherwise.
const monitorParty trace.PartyID = "platform-monitor"

// monitorKinds are the monitors there are.
func monitorKinds() (map[string]monitor.Monitor, error) {
	cold, err := coldchain.New()
	where, whereErr := route.New()
	fresh, freshErr := freshness.New()
	labels, labelErr := label.New()
	return map[string]monitor.Monitor{"coldchain": cold, "route": where, "freshness": fresh, "label": labels},
		errors.Join(err, whereErr, freshErr, labelErr)
}

// chosen are the monitors a configuration names, in order of their names.
func (m Monitors) chosen() ([]monitor.Monitor, error) {
	kinds, err := monitorKinds()
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []monitor.Monitor
	for _, name := range names {
		if slices.Contains(m.Run, name) || slices.Contains(m.Run, "all") {
			out = append(out, kinds[name])
		}
	}
	for _, name := range m.Run {
		if name != "all" && kinds[name] == nil {
			return nil, fmt.Errorf("monitors: no monitor %q; there are %s, or all", name, strings.Join(names, ", "))
		}
	}
	return out, nil
}

func (m Monitors) party() trace.PartyID {
	if m.Party == "" {
		return monitorParty
	}
	return m.Party
}

// watching is the monitors of a process.
type watching struct {
	runners []*monitor.Runner
	logger  *slog.Logger
}

// watch makes the configured monitors ready to run on a read model.
func watch(cfg Config, x *index.Index, files *puller, to *ledger.Client, as ledger.Identity, logger *slog.Logger, metrics prometheus.Registerer) (*watching, error) {
	chosen, err := cfg.Monitors.chosen()
	if err != nil {
		return nil, err
	}
	counters := monitor.NewMetrics()
	if err := metrics.Register(counters); err != nil {
		return nil, err
	}
	w := &watching{logger: logger}
	publisher := &monitor.Publisher{Ledger: to, Identity: as, Metrics: counters, Logger: logger}
	for _, m := range chosen {
		w.runners = append(w.runners, &monitor.Runner{
			Monitor: m, World: monitor.World{Index: x, File: files.whole}, Publisher: publisher,
			Dir: filepath.Join(cfg.Data, "monitor"), Logger: logger,
		})
	}
	return w, nil
}

// openMonitors makes the house's own monitors ready, under an identity of theirs.
func (n *node) openMonitors(metrics prometheus.Registerer) error {
	var as ledger.Identity
	if party := n.cfg.Monitors.party(); len(n.cfg.Monitors.Run) > 0 {
		var err error
		if as, err = n.enrolled(enrolmentName(party, trace.RoleMonitor), trace.PlatformMSP, trace.RoleMonitor, party); err != nil {
			return fmt.Errorf("monitors: %w", err)
		}
	}
	var err error
	n.monitors, err = watch(n.cfg, n.index, n.puller, n.ledger, as, n.logger, metrics)
	return err
}

// whole reads a file; one that is not kept here is asked for, and not found for now.
func (p *puller) whole(hash trace.Digest) ([]byte, bool, error) {
	content, err := p.Open(store.Hash(hash))
	if code := trace.CodeOf(err); code == store.CodeFileUnknown || code == store.CodeFileDamaged {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	bytes, err := io.ReadAll(content)
	return bytes, err == nil, errors.Join(err, content.Close())
}

// run runs all until ctx ends. A monitor that cannot go on – its rule version is on the
// chain with other content, say – does not take the others with it, nor the house.
func (w *watching) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range w.runners {
		group.Go(func() error {
			if err := ended(ctx, r.Run(ctx)); err != nil {
				w.logger.Error("a monitor stopped", "monitor", r.Monitor.Rule().Monitor, "error", err)
			}
			return nil
		})
	}
	return group.Wait()
}

// level waits until every monitor has judged what lies below a height.
func (w *watching) level(ctx context.Context, height uint64) error {
	for _, r := range w.runners {
		if err := r.Level(ctx, height); err != nil {
			return fmt.Errorf("monitor %s has not judged the first %d blocks: %w", r.Monitor.Rule().Monitor, height, err)
		}
	}
	return nil
}

// runMonitor runs monitors alone, on a ledger elsewhere: with a read model of their own
// and an identity that may give verdicts and nothing else.
func runMonitor(ctx context.Context, args []string, out io.Writer) (err error) {
	cfg, err := readConfig("monitor", args, nil)
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
	eng, err := openRemote(cfg.Connection)
	if err != nil {
		return err
	}
	defer eng.Close()
	post, err := openPost(cfg, eng, logger)
	if err != nil {
		return err
	}
	defer post.Close()

	told := ctx
	group, ctx := errgroup.WithContext(ctx)
	answer(ctx, group, &http.Server{Handler: post.routes(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}, listener, cfg)
	group.Go(func() error { return ended(ctx, post.follow(ctx)) })
	group.Go(func() error { return ended(ctx, post.ledger.Recover(ctx)) })
	group.Go(func() error { return ended(ctx, post.puller.run(ctx)) })
	group.Go(func() error { return ended(ctx, post.puller.foresee(ctx, post.index)) })
	group.Go(func() error { return post.watching.run(ctx) })
	group.Go(func() error {
		if err := caughtUp(ctx, post.ledger, post.reader, post.index, logger); err != nil {
			return ended(ctx, err)
		}
		fmt.Fprintf(out, "ready %s\n", cfg.baseOf(listener))
		return nil
	})
	return ended(told, group.Wait())
}

// post is the monitor role.
type post struct {
	public   // its store, read model, ledger client and files; no pages
	watching *watching
}

func openPost(cfg Config, eng engine, logger *slog.Logger) (p *post, err error) {
	p = &post{public: public{engine: eng, metrics: newRegistry()}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	identities, err := wallet.Open(filepath.Join(cfg.Data, "wallet"), nil)
	if err != nil {
		return p, fmt.Errorf("wallet: %w", err)
	}
	if p.reader, err = identities.Identity(enrolmentName(cfg.Monitors.party(), trace.RoleMonitor)); err != nil {
		return p, fmt.Errorf("%w; where the ledger's data are: traceledger enrol -role %s -party %s -to WALLET", err, trace.RoleMonitor, cfg.Monitors.party())
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
	counters := ledger.NewMetrics()
	if err = p.metrics.Register(counters); err != nil {
		return p, err
	}
	if p.ledger, err = ledger.New(ledger.Config{
		Conns: conns, Channel: channelName, Chaincode: chaincodeName,
		Outbox: p.store.Outbox(), Reader: &p.reader, Logger: logger, Metrics: counters, Lag: lag(eng),
	}); err != nil {
		return p, err
	}
	if p.puller, err = newPuller(p.store.Files(), cfg.FilesFrom, logger, p.metrics); err != nil {
		return p, err
	}
	p.watching, err = watch(cfg, p.index, p.puller, p.ledger, p.reader, logger, p.metrics)
	return p, err
}

func (p *post) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { p.health(w) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		s, status := state{Status: "ready", Height: p.index.Height()}, http.StatusOK
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		for _, runner := range p.watching.runners {
			if runner.Level(ctx, s.Height) != nil {
				s.Status, status = "judging", http.StatusServiceUnavailable
			}
		}
		sendState(w, status, s)
	})
	return mux
}
