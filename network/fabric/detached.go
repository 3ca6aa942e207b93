package fabric

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Open takes charge of a detached network that Start has made, without starting
// anything: to stop, kill and start its nodes. Detach or Stop ends that; until
// then others that would be in charge of the folder wait or are refused (Config.Waiting).
func Open(ctx context.Context, config Config) (*Network, error) {
	return find(ctx, config, true)
}

// View looks at a detached network without taking charge of it: for Status,
// logs, and clients.
func View(ctx context.Context, config Config) (*Network, error) {
	return find(ctx, config, false)
}

func find(ctx context.Context, config Config, charge bool) (*Network, error) {
	config.Detached = true
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	plan, existing, err := loadTopology(config.Dir)
	if err != nil {
		return nil, err
	}
	if !existing {
		return nil, fmt.Errorf("%s holds no network: traceledger network up makes one there; -dir or -config names another folder", config.Dir)
	}
	config.Channel = plan.Channel
	network := newNetwork(config)
	if charge {
		if network, err = takeFolder(ctx, config); err != nil {
			return nil, err
		}
		// Who was in charge before may have changed it.
		if plan, existing, err = loadTopology(config.Dir); err == nil && !existing {
			err = fmt.Errorf("%s holds no network any more", config.Dir)
		}
		if err != nil {
			network.Detach()
			return nil, err
		}
	}
	network.plan = plan
	if err := network.makeNodes(); err != nil {
		network.Detach()
		return nil, err
	}
	return network, nil
}

// Detach leaves a detached network to itself. Afterwards the Network is of no
// more use.
func (n *Network) Detach() {
	n.leaving.Do(func() {
		n.disconnect()
		n.claims.release()
		n.unlock()
	})
}

// StartNode starts one node by its name, building the Fabric programs if they
// are not there, and renewing TLS keys as Start does if the authority's key is here.
func (n *Network) StartNode(ctx context.Context, name string) error {
	config, err := n.config.withPrograms(ctx)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.config = config
	n.mu.Unlock()
	if err := n.openOperations(); err != nil {
		return err
	}
	if err := n.makeNodes(); err != nil {
		return err
	}
	node, err := n.Node(name)
	if err != nil {
		return err
	}
	if err := n.renewTLS(ctx, node); err != nil {
		return err
	}
	return node.Start(ctx)
}

// Down ends every node and gives an error if a process or a listener is left.
// The Network is of no use afterwards.
func (n *Network) Down() error {
	defer n.Detach()
	n.disconnect()
	n.stopNodes()
	var left []error
	for _, node := range n.Nodes() {
		if pid := node.PID(); pid != 0 {
			left = append(left, fmt.Errorf("%s still runs as process %d", node.Name(), pid))
		}
	}
	for _, address := range n.listeners() {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
			left = append(left, fmt.Errorf("something still listens on %s", address))
		}
	}
	return errors.Join(left...)
}

// Clean removes the folder, ledgers and keys included, of a network of which no node runs. The lock goes last: who
// waits for it would be in charge of what is still being removed. What such a one makes of the empty folder stays.
func (n *Network) Clean() error {
	entries, err := os.ReadDir(n.dir)
	for _, entry := range entries {
		if entry.Name() != lockName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(n.dir, entry.Name())))
		}
	}
	if err == nil {
		err = os.Remove(filepath.Join(n.dir, lockName))
	}
	if err == nil {
		err = os.Remove(n.dir)
	}
	if errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return err
}

// listeners are all addresses of the network.
func (n *Network) listeners() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var addresses []string
	for name, address := range n.plan.addresses() {
		if n.isHere(name) {
			addresses = append(addresses, address)
		}
	}
	for _, s := range n.plan.Services {
		if n.isHere(s.MSPID + "/peer") {
			addresses = append(addresses, s.Address)
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// RunningNodes are the names of the nodes that are alive.
func (n *Network) RunningNodes() []string {
	var names []string
	for _, node := range n.Nodes() {
		if node.Running() {
			names = append(names, node.Name())
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// isHere tells whether a node, or the node that a port's name belongs to, has its
// folder here. One that has not was moved to another host: it is left alone.
func (n *Network) isHere(name string) bool {
	for _, of := range []string{"/admin", "/listener", operations} {
		name = strings.TrimSuffix(name, of)
	}
	if msp, _, ok := strings.Cut(name, "/service"); ok {
		name = msp + "/peer"
	}
	_, err := os.Stat(n.nodeFolder(name))
	return err == nil
}
