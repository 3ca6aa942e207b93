package fabric

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// Config says where a network lives. Only Dir is required.
type Config struct {
	// Dir holds everything the network keeps: keys, configuration, ledgers,
	// logs. An empty or missing folder becomes a new network; the folder of an
	// earlier one is started again as it was, on the same ports.
	Dir string
	// Binaries is the folder of the Fabric programs; empty means EnsureBinaries.
	Binaries string
	// Channel is the name of the one channel; empty means "trace".
	Channel string
	// BatchInterval is how long an orderer waits for more transactions before
	// it makes a block; zero means 200 ms, the best under load. 50 ms gives
	// quicker answers when there is little of it.
	BatchInterval time.Duration
	// BatchMessages is the most transactions a block holds; zero means 100.
	BatchMessages int
	// LogLevel is Fabric's logging specification; empty means "warn".
	LogLevel string
	// Logger hears about progress; nil means silence.
	Logger *slog.Logger
}

// A Network is a running channel. Its methods may be called concurrently.
type Network struct {
	dir     string
	channel string
	config  Config
	logger  *slog.Logger
	spawn   *spawner
	unlock  func() // gives up Dir

	stopping  sync.Once
	deploying sync.Mutex // one lifecycle operation at a time

	mu    sync.Mutex
	plan  topology
	nodes []*Node
	conns map[string]*grpc.ClientConn // by MSP id
}

// Start brings the network up: about a second on two idle cores for a new one,
// not counting EnsureBinaries. When it returns, every orderer and peer has
// joined the channel; Deploy makes chaincode answer on every peer. On an error
// nothing is left running.
func Start(ctx context.Context, config Config) (*Network, error) {
	network, err := prepare(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := network.up(ctx); err != nil {
		network.Stop()
		return nil, err
	}
	return network, nil
}

// withDefaults fills in what was left out and makes Dir absolute.
func (c Config) withDefaults(ctx context.Context) (Config, error) {
	if c.Dir == "" {
		return c, errors.New("fabric: Config.Dir is empty; name a folder for the network")
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return c, err
	}
	if c.Binaries == "" {
		if c.Binaries, err = EnsureBinaries(ctx); err != nil {
			return c, err
		}
	}
	c.Channel = cmp.Or(c.Channel, "trace")
	c.BatchInterval = cmp.Or(c.BatchInterval, 200*time.Millisecond)
	c.BatchMessages = cmp.Or(c.BatchMessages, 100)
	c.LogLevel = cmp.Or(c.LogLevel, "warn")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, requirePrograms(c.Binaries)
}

// prepare takes possession of the folder and sets up everything but the
// processes.
func prepare(ctx context.Context, config Config) (*Network, error) {
	config, err := config.withDefaults(ctx)
	if err != nil {
		return nil, err
	}
	dir := config.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, free, err := tryLockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	if !free {
		return nil, fmt.Errorf("another process runs the network in %s", dir)
	}
	network := &Network{
		dir:     dir,
		channel: config.Channel,
		config:  config,
		logger:  config.Logger,
		spawn:   newSpawner(),
		unlock:  unlock,
		conns:   map[string]*grpc.ClientConn{},
	}
	if err := network.loadOrCreate(ctx); err != nil {
		network.Stop()
		return nil, err
	}
	network.makeNodes()
	return network, nil
}

func (n *Network) loadOrCreate(ctx context.Context) error {
	plan, existing, err := loadTopology(n.dir)
	switch {
	case err != nil:
		return err
	case !existing:
		return n.create(ctx)
	case plan.Channel != n.channel:
		return fmt.Errorf("%s holds a network with channel %q, not %q", n.dir, plan.Channel, n.channel)
	}
	n.plan = plan
	return nil
}

// create makes keys, genesis block and node folders. The plan is saved last:
// a folder without it is made anew from the start.
func (n *Network) create(ctx context.Context) error {
	for _, leftover := range []string{"crypto", "nodes"} {
		if err := os.RemoveAll(filepath.Join(n.dir, leftover)); err != nil {
			return err
		}
	}
	var err error
	if n.plan, err = newTopology(n.channel); err != nil {
		return err
	}
	if err := n.makeCrypto(ctx); err != nil {
		return err
	}
	if err := n.makeGenesis(ctx); err != nil {
		return err
	}
	for _, orderer := range n.plan.Orderers {
		if err := n.makeOrdererFolder(orderer); err != nil {
			return err
		}
	}
	for _, peer := range n.plan.Peers {
		if err := n.makePeerFolder(peer); err != nil {
			return err
		}
	}
	return n.plan.save(n.dir)
}

// makeNodes prepares a supervised process for everything in the plan.
func (n *Network) makeNodes() {
	env := func(extra ...string) []string {
		return append([]string{
			"FABRIC_CFG_PATH=.",
			"FABRIC_LOGGING_SPEC=" + n.config.LogLevel,
			"FABRIC_LOGGING_FORMAT=%{time:2006-01-02T15:04:05.000Z07:00} %{level} [%{module}] %{message}", // no colours
			"PATH=" + os.Getenv("PATH"), // the builder scripts use grep, sed and cp
			"TMPDIR=tmp",
		}, extra...)
	}
	for _, orderer := range n.plan.Orderers {
		n.nodes = append(n.nodes, &Node{
			name:    orderer.name(),
			address: orderer.Address(),
			program: filepath.Join(n.config.Binaries, "orderer"),
			env:     env(),
			dir:     n.nodeFolder(orderer.name()),
			spawn:   n.spawn,
		})
	}
	for _, peer := range n.plan.Peers {
		folder := n.nodeFolder(peer.name())
		n.nodes = append(n.nodes, &Node{
			name:    peer.name(),
			address: peer.Address(),
			program: filepath.Join(n.config.Binaries, "peer"),
			args:    []string{"node", "start"},
			env: env("CHAINCODE_SERVERS=chaincode",
				// The one path that a peer refuses to take as relative.
				"CORE_LEDGER_SNAPSHOTS_ROOTDIR="+filepath.Join(folder, "data", "snapshots")),
			dir:   folder,
			spawn: n.spawn,
		})
	}
	for _, service := range n.plan.Services {
		n.nodes = append(n.nodes, n.serviceNode(service))
	}
}

// up starts every node and joins the channel where that has not happened yet.
func (n *Network) up(ctx context.Context) error {
	began := time.Now()
	starting, startContext := errgroup.WithContext(ctx)
	for _, node := range n.Nodes() {
		starting.Go(func() error { return node.Start(startContext) })
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	// Only now: a peer dials the others when it joins, and one that is not
	// there yet is tried again much later.
	joining, joinContext := errgroup.WithContext(ctx)
	for _, orderer := range n.plan.Orderers {
		joining.Go(func() error { return n.joinOrderer(joinContext, orderer) })
	}
	for _, peer := range n.plan.Peers {
		joining.Go(func() error { return n.joinPeer(joinContext, peer) })
	}
	if err := joining.Wait(); err != nil {
		return err
	}
	n.logger.Info("network is up", "channel", n.channel, "orderers", len(n.plan.Orderers), "peers", len(n.plan.Peers), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// Stop ends every node and closes every connection. Peers and orderers get a
// moment to close their databases. The folder stays; Start takes it up again.
// Stopping twice is no error.
func (n *Network) Stop() { n.stopping.Do(n.stop) }

func (n *Network) stop() {
	n.mu.Lock()
	for _, conn := range n.conns {
		conn.Close()
	}
	n.conns = nil
	nodes := slices.Clone(n.nodes)
	n.mu.Unlock()
	var ending sync.WaitGroup
	for _, node := range nodes {
		ending.Go(func() { node.Stop(5 * time.Second) })
	}
	ending.Wait()
	n.spawn.close()
	n.unlock()
}

// Channel is the name of the channel.
func (n *Network) Channel() string { return n.channel }

// Nodes lists every process of the network: orderers, peers, chaincodes.
func (n *Network) Nodes() []*Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.nodes)
}

// Node finds a process by the name that Node.Name gives.
func (n *Network) Node(name string) (*Node, error) {
	var names []string
	for _, node := range n.Nodes() {
		if node.name == name {
			return node, nil
		}
		names = append(names, node.name)
	}
	return nil, fmt.Errorf("no node %q in the network; there are %s", name, strings.Join(names, ", "))
}

func (n *Network) nodeFolder(name string) string {
	return filepath.Join(n.dir, "nodes", filepath.FromSlash(name))
}
