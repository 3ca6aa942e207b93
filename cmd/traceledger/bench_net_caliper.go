package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	nodejs "traceledger/network/conformance/node"
)

// benchNetCaliper has Hyperledger Caliper register lots, as docs/integrate.md tells a
// person to and without what has it sign by OpenSSL, and registers as many ourselves with
// as many clients. All rates are over the time from the first lot sent to the last one
// committed.
func benchNetCaliper(ctx context.Context, n *benchNet, _ int) ([]figure, error) {
	if n.caliper == nil {
		var err error
		if n.caliper, err = n.setUpCaliper(ctx); err != nil {
			return nil, err
		}
	}
	// A machine is not as fast one minute as the next: ours is measured before and after each.
	var before, between, after, told, javaScript []float64
	ours := func(rates *[]float64) func() error {
		return func() (err error) { *rates, err = n.registerRounds(ctx, n.caliper.rounds); return err }
	}
	theirs := func(rates *[]float64, options ...string) func() error {
		return func() (err error) { *rates, err = n.caliper.measure(ctx, options...); return err }
	}
	for _, measure := range []func() error{
		ours(&before),
		theirs(&told, "--require", "./"+nativeSignatures),
		ours(&between),
		theirs(&javaScript),
		ours(&after),
	} {
		if err := measure(); err != nil {
			return nil, err
		}
	}
	var figures []figure
	for i, round := range n.caliper.rounds {
		figures = append(figures,
			figure{fmt.Sprintf("net-caliper-%d", round.clients), told[i], "tx/s", "ours", (before[i] + between[i]) / 2},
			figure{fmt.Sprintf("net-caliper-javascript-%d", round.clients), javaScript[i], "tx/s", "ours", (between[i] + after[i]) / 2})
	}
	return figures, nil
}

// registerRounds registers what Caliper is to, and gives the lots a second of each round.
func (n *benchNet) registerRounds(ctx context.Context, rounds []caliperRound) ([]float64, error) {
	var rates []float64
	for _, round := range rounds {
		rate, err := n.registerMany(ctx, round.clients, round.lots)
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate)
	}
	return rates, nil
}

// registerMany registers a number of lots from many clients and gives the lots a second.
func (n *benchNet) registerMany(ctx context.Context, clients int, lots int64) (float64, error) {
	return many(ctx, clients, lots, n.registerNext)
}

// many does something a number of times from many clients and gives how often a second.
func many(ctx context.Context, clients int, number int64, do func(context.Context) error) (float64, error) {
	var taken atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range clients {
		group.Go(func() error {
			for taken.Add(1) <= number {
				if err := do(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(number) / time.Since(began).Seconds(), err
}

// nativeSignatures is preloaded to have Caliper's client sign with OpenSSL.
const nativeSignatures = "native-signatures.js"

// caliperWorkspace is a folder that Caliper runs in.
type caliperWorkspace struct {
	dir    string
	rounds []caliperRound // that count
}

type caliperRound struct {
	label   string
	clients int
	lots    int64
}

// setUpCaliper lays out what docs/integrate.md tells a person to.
func (n *benchNet) setUpCaliper(ctx context.Context) (*caliperWorkspace, error) {
	installed, err := nodejs.Install(ctx, n.cfg.caliper)
	if err != nil {
		return nil, err
	}
	w := &caliperWorkspace{dir: filepath.Join(n.dir, "caliper")}
	if err := os.MkdirAll(filepath.Join(w.dir, "identity"), 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"benchmark.yaml", "network.yaml", "clients.js", "register.js", nativeSignatures} {
		content, err := os.ReadFile(filepath.Join(n.cfg.caliper, name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(w.dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(w.dir, "node_modules")); err != nil {
		return nil, err
	}
	profile, err := n.network.Profile(trace.ProducerMSP)
	if err != nil {
		return nil, err
	}
	content, err := yaml.Marshal(profile)
	if err != nil {
		return nil, err
	}
	factory := n.users[trace.RoleFactory]
	certificate, key, err := n.network.Enrol(factory.MSPID, "caliper", map[string]string{trace.AttributeRole: factory.Role, trace.AttributeParty: factory.Party})
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{profileYAMLName: content, "identity/cert.pem": certificate, "identity/key.pem": key} {
		if err := os.WriteFile(filepath.Join(w.dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	return w, w.read()
}

// read takes from Caliper's own file what it is to do, so that we do the same.
func (w *caliperWorkspace) read() error {
	content, err := os.ReadFile(filepath.Join(w.dir, "benchmark.yaml"))
	if err != nil {
		return err
	}
	var file struct {
		Test struct {
			Rounds []struct {
				Label       string
				TxNumber    int64 `yaml:"txNumber"`
				RateControl struct {
					Opts struct{ Clients int }
				} `yaml:"rateControl"`
			}
		}
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		return err
	}
	if len(file.Test.Rounds) < 2 {
		return fmt.Errorf("benchmark.yaml has %d rounds, not one to warm up and others that count", len(file.Test.Rounds))
	}
	for _, round := range file.Test.Rounds[1:] {
		w.rounds = append(w.rounds, caliperRound{round.Label, round.RateControl.Opts.Clients, round.TxNumber})
	}
	return nil
}

// measure runs Caliper, in a Node.js with these options, and gives the throughput that it reports
// of each round.
func (w *caliperWorkspace) measure(ctx context.Context, options ...string) ([]float64, error) {
	cmd := exec.CommandContext(ctx, "node", append(options, filepath.Join("node_modules", "@hyperledger", "caliper-cli", "caliper.js"), "launch", "manager",
		"--caliper-workspace", ".", "--caliper-benchconfig", "benchmark.yaml", "--caliper-networkconfig", "network.yaml",
		"--caliper-flow-only-test", "--caliper-report-path", "report.html")...)
	cmd.Dir = w.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("caliper: %w: %s", err, out)
	}
	var rates []float64
	for _, round := range w.rounds {
		rate, err := caliperThroughput(string(out), round.label, round.lots)
		if err != nil {
			return nil, fmt.Errorf("caliper: %w: %s", err, out)
		}
		rates = append(rates, rate)
	}
	return rates, nil
}

// caliperThroughput reads the last row of a round in Caliper's table: name, succeeded,
// failed, send rate, longest, shortest and average latency, throughput.
func caliperThroughput(printed, label string, lots int64) (float64, error) {
	var cells []string
	for line := range strings.Lines(printed) {
		fields := strings.Split(line, "|")
		if len(fields) == 10 && strings.TrimSpace(fields[1]) == label {
			cells = fields[1:9]
		}
	}
	if cells == nil {
		return 0, fmt.Errorf("no row of %s in its table", label)
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	succeeded, err := strconv.ParseInt(cells[1], 10, 64)
	if err != nil {
		return 0, err
	}
	// It does not try again, and a loaded network refuses one now and then.
	if failed := lots - succeeded; failed < 0 || failed*100 > lots {
		return 0, fmt.Errorf("of %d lots %s were registered and %s failed", lots, cells[1], cells[2])
	}
	return strconv.ParseFloat(cells[7], 64)
}
