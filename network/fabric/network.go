package fabric

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// stopGrace is what a node gets to close its databases.
const stopGrace = 5 * time.Second

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
	// Detached lets the nodes outlive the program that starts them: Detach leaves
	// them running, Open finds them again, Stop ends them.
	Detached bool
	// Ports are those of a new network; the zero value takes free ones.
	Ports Ports
	// Hosts are, by names of nodes, the host names under which a new network's
	// nodes are reached; 127.0.0.1 where none is given. They are in the genesis
	// block and in the certificates. On the machine that makes the network they must lead
	// to itself, and later to the host that the node's folder is moved to.
	Hosts map[string]string
	// Authorities gives each organisation of a new network a Fabric CA
	// (EnrolAtCA), whose program needs a C compiler to build.
	Authorities bool
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
	// Waiting has Start and Open wait, as long as their context allows, while another process is in
	// charge of Dir, and is told which: each time that it is another one. Nil has them fail at once.
	Waiting func(holder string)

	caBinaries string // folder of fabric-ca-server
}

// A Network is a running channel. Its methods may be called concurrently.
type Network struct {
	dir      string
	channel  string
	config   Config
	logger   *slog.Logger
	spawn    *spawner // nil when detached
	inCharge bool     // whether this program is in charge of Dir
	unlock   func()   // gives up Dir
	claims   portClaims

	stillFor, inForceAfter time.Duration // see the constants; shorter in tests

	leaving   sync.Once  // by Stop or Detach
	deploying sync.Mutex // one lifecycle operation at a time

	mu    sync.Mutex
	plan  topology
	nodes []*Node
	conns map[string]*grpc.ClientConn // by MSP id

	tlsRoots map[string]string // by MSP id, of the channel's members and only these (learn); nil until somebody has told
	learnt   uint64            // sequence of the configuration that told
	refused  map[string]tally  // by MSP id, of those that the orderers refuse (askOrderers)

	enrolling  sync.Mutex
	registrars map[string]caIdentity // by MSP id; those that have enrolled
}

// Start brings the network up: about a second on two idle cores for a new one,
// not counting EnsureBinaries. When it returns, every orderer and peer has
// joined the channel; Deploy makes chaincode answer on every peer. What runs
// already is left alone, so Start also heals a detached network of which a part
// is down. On an error nothing is left running, unless it is detached: then
// what has come up stays, for the next try or for Open and Stop.
func Start(ctx context.Context, config Config) (*Network, error) {
	config, err := config.Prepare(ctx)
	if err != nil {
		return nil, err
	}
	if err := makeFolder(config.Dir); err != nil {
		return nil, err
	}
	network, err := takeFolder(ctx, config)
	if errors.Is(err, fs.ErrNotExist) && config.Waiting != nil { // by the one that it waited for
		return Start(ctx, config)
	}
	if err != nil {
		return nil, err
	}
	if err := network.loadOrCreate(ctx); err != nil {
		network.giveUp()
		return nil, err
	}
	if err := network.makeNodes(); err != nil {
		network.giveUp()
		return nil, err
	}
	if err := network.up(ctx); err != nil {
		network.giveUp()
		return nil, err
	}
	return network, nil
}

// makeFolder makes the folder of a network. One that was there may be open to others, and is
// to hold every organisation's keys.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// withDefaults fills in what was left out and makes Dir absolute.
func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("fabric: Config.Dir is empty; name a folder for the network")
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return c, err
	}
	c.Channel = cmp.Or(c.Channel, "trace")
	c.BatchInterval = cmp.Or(c.BatchInterval, 200*time.Millisecond)
	c.BatchMessages = cmp.Or(c.BatchMessages, 100)
	c.LogLevel = cmp.Or(c.LogLevel, "warn")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// ErrNoAuthorities says that a network is to have Fabric CAs, whose program is not there and cannot be built.
var ErrNoAuthorities = errors.New("no Fabric CA to be had")

// Prepare finds the Fabric programs, building them if it must, so that Start need not. Whether there are
// CAs was decided when the network was made.
func (c Config) Prepare(ctx context.Context) (Config, error) {
	c, err := c.withDefaults()
	if err != nil {
		return c, err
	}
	return c.withPrograms(ctx)
}

func (c Config) withPrograms(ctx context.Context) (Config, error) {
	plan, existing, err := loadTopology(c.Dir)
	if err != nil {
		return c, err
	}
	if existing {
		c.Authorities = len(plan.CAs) > 0
	}
	if c.Binaries == "" {
		if c.Binaries, err = EnsureBinaries(ctx); err != nil {
			return c, err
		}
	}
	if c.Authorities && c.caBinaries == "" {
		if c.caBinaries, err = EnsureCA(ctx); err != nil {
			return c, fmt.Errorf("%w: %w", ErrNoAuthorities, err)
		}
	}
	return c, fabricTools.require(c.Binaries)
}

func newNetwork(config Config) *Network {
	return &Network{
		dir:     config.Dir,
		channel: config.Channel,
		config:  config,
		logger:  config.Logger,
		unlock:  func() {},

		stillFor: stillFor, inForceAfter: inForceAfter,
		conns: map[string]*grpc.ClientConn{},

		registrars: map[string]caIdentity{},
	}
}

// giveUp ends what nobody would look after: nothing that is detached.
func (n *Network) giveUp() {
	if n.config.Detached {
		n.Detach()
		return
	}
	n.Stop()
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
	if err := plan.agrees(n.config.Ports); err != nil {
		return err
	}
	n.plan = plan
	return n.openOperations()
}

// create makes keys, genesis block and node folders. The plan is saved last:
// a folder without it is made anew from the start.
func (n *Network) create(ctx context.Context) error {
	for _, leftover := range []string{"crypto", "nodes"} {
		if err := os.RemoveAll(filepath.Join(n.dir, leftover)); err != nil {
			return err
		}
	}
	if err := n.planPorts(); err != nil {
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
	for _, ca := range n.plan.CAs {
		peer, err := n.plan.peer(ca.MSPID)
		if err != nil {
			return err
		}
		if err := n.makeCAFolder(peer, ca); err != nil {
			return err
		}
	}
	return n.plan.save(n.dir)
}

// makeNodes prepares a process for everything in the plan, and finds those that
// run already.
func (n *Network) makeNodes() error {
	nodes := n.nodesHere()
	n.mu.Lock()
	n.nodes = nodes
	n.mu.Unlock()
	if n.config.Detached {
		return adoptStrays(nodes, n.inCharge)
	}
	for _, node := range nodes {
		if p, ok := node.daemon(); ok {
			return fmt.Errorf("%s of the network in %s runs detached, as process %d", node.Name(), n.dir, p.PID)
		}
	}
	return nil
}

// nodesHere are the nodes of the plan that are on this host.
func (n *Network) nodesHere() []*Node {
	plan := n.planned()
	var nodes []*Node
	for _, orderer := range plan.Orderers {
		if !n.isHere(orderer.name()) {
			continue
		}
		nodes = append(nodes, &Node{
			title:   orderer.name(),
			address: orderer.Address(),
			metrics: orderer.operationsAddress(),
			program: filepath.Join(n.config.Binaries, "orderer"),
			env:     n.fabricEnvironment(),
			dir:     n.nodeFolder(orderer.name()),
			spawn:   n.spawn,
		})
	}
	for _, peer := range plan.Peers {
		if n.isHere(peer.name()) {
			nodes = append(nodes, n.peerNode(peer))
		}
	}
	for _, ca := range plan.CAs {
		if n.isHere(ca.name()) {
			nodes = append(nodes, n.caNode(ca))
		}
	}
	for _, service := range plan.Services {
		if n.isHere(service.MSPID + "/peer") {
			nodes = append(nodes, n.serviceNode(service))
		}
	}
	return nodes
}

// fabricEnvironment is what orderers and peers are started with.
func (n *Network) fabricEnvironment(extra ...string) []string {
	return append([]string{
		"FABRIC_CFG_PATH=.",
		"FABRIC_LOGGING_SPEC=" + n.config.LogLevel,
		"FABRIC_LOGGING_FORMAT=%{time:2006-01-02T15:04:05.000Z07:00} %{level} [%{module}] %{message}", // no colours
		"PATH=" + os.Getenv("PATH"), // the builder scripts use grep, sed and cp
		"TMPDIR=tmp",
	}, extra...)
}

func (n *Network) peerNode(plan peerPlan) *Node {
	folder := n.nodeFolder(plan.name())
	return &Node{
		title:   plan.name(),
		address: plan.Address(),
		metrics: plan.operationsAddress(),
		program: filepath.Join(n.config.Binaries, "peer"),
		args:    []string{"node", "start"},
		env: n.fabricEnvironment("CHAINCODE_SERVERS=chaincode",
			// The one path that a peer refuses to take as relative.
			"CORE_LEDGER_SNAPSHOTS_ROOTDIR="+filepath.Join(folder, "data", "snapshots")),
		dir:   folder,
		spawn: n.spawn,
	}
}

// up starts every node and joins the channel where that has not happened yet.
func (n *Network) up(ctx context.Context) error {
	began, given := time.Now(), timeOf(ctx)
	_, _ = n.askMembers(ctx) // of a network that is down nobody tells
	for {
		if err := n.startNodes(ctx); err != nil {
			return err
		}
		members := n.membersHere()
		// Only now: a peer dials the others when it joins, and one that is not
		// there yet is tried again much later.
		if err := n.joinNodes(ctx); err != nil {
			return err
		}
		n.askOrderers(ctx) // an organisation that has left waits in vain for the block that says so
		if err := n.awaitLevel(ctx); err != nil {
			return err
		}
		if len(n.administered()) == 0 {
			break
		}
		var stop func()
		ctx, stop = anew(ctx, given)
		defer stop()
		// Whoever told before may have lacked blocks. Now all are level.
		if _, err := n.learnMembers(ctx); err != nil {
			return err
		}
		if slices.Equal(members, n.membersHere()) {
			break
		}
	}
	if err := n.allDeparted(); err != nil {
		return err
	}
	n.logger.Info("network is up", "channel", n.channel, "orderers", len(n.plan.Orderers), "peers", len(n.plan.Peers), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// joinNodes has the orderers here, and the members' peers, join the channel.
func (n *Network) joinNodes(ctx context.Context) error {
	joining, joinContext := errgroup.WithContext(ctx)
	for _, orderer := range n.plan.Orderers {
		switch name := orderer.name(); {
		case !n.isHere(name):
		case n.administersOrderer(orderer):
			joining.Go(func() error { return n.joinOrderer(joinContext, orderer) })
		default:
			joining.Go(func() error { return n.joinedBefore(name, "ledger", "chains", n.channel) })
		}
	}
	for _, peer := range n.inChannel() {
		switch name := peer.name(); {
		case !n.isHere(name):
		case n.administers(peer):
			joining.Go(func() error { return n.joinPeer(joinContext, peer) })
		default:
			joining.Go(func() error { return n.joinedBefore(name, "ledgersData", "chains", "chains", n.channel) })
		}
	}
	return joining.Wait()
}

// Stop ends every node and closes every connection. Peers and orderers get a
// moment to close their databases. The folder stays; Start takes it up again.
// Stopping twice is no error.
func (n *Network) Stop() {
	n.leaving.Do(func() {
		n.disconnect()
		n.stopNodes()
		if n.spawn != nil {
			n.spawn.close()
		}
		n.claims.release()
		n.unlock()
	})
}

func (n *Network) stopNodes() {
	var ending sync.WaitGroup
	for _, node := range n.Nodes() {
		ending.Go(func() { node.Stop(stopGrace) })
	}
	ending.Wait()
}

func (n *Network) disconnect() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.conns {
		conn.Close()
	}
	n.conns = nil
}

// planned is the plan as it is now. What a change makes of it later does not show in it.
func (n *Network) planned() topology {
	n.mu.Lock()
	defer n.mu.Unlock()
	plan := n.plan
	plan.Services = slices.Clone(plan.Services) // the rest is replaced as a whole, never changed
	return plan
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
		if node.Name() == name {
			return node, nil
		}
		names = append(names, node.Name())
	}
	return nil, fmt.Errorf("no node %q in the network; there are %s", name, strings.Join(names, ", "))
}

func (n *Network) nodeFolder(name string) string {
	return filepath.Join(n.dir, "nodes", filepath.FromSlash(name))
}
