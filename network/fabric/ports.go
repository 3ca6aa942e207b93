package fabric

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Ports says where the nodes of a new network listen. The zero value takes
// ports that are free. They are in the genesis block, so a network keeps those
// it was made with.
type Ports struct {
	// Base is the first of the ports that are given out in the order of
	// PortNames; 0 takes free ones.
	Base int
	// Named overrides single ports, by the names of PortNames.
	Named map[string]int
}

// operations ends the name of the port at which a node answers for its health and metrics.
const operations = "/operations"

// PortNames are the names of all ports of a network, in the order in which a
// base port is counted up.
func PortNames() []string {
	var names []string
	for i := 1; i <= orderers; i++ {
		names = append(names, fmt.Sprintf("orderer%d", i), fmt.Sprintf("orderer%d/admin", i))
	}
	for _, msp := range Organisations {
		names = append(names, msp+"/peer", msp+"/peer/listener")
	}
	for _, msp := range Organisations {
		names = append(names, msp+"/ca")
	}
	// Two a chaincode: while an upgrade is under way the old and the new program run.
	for _, msp := range Organisations {
		names = append(names, msp+"/service", msp+"/service/next")
	}
	// Behind the others, which keep the places they had before there were these.
	for i := 1; i <= orderers; i++ {
		names = append(names, fmt.Sprintf("orderer%d", i)+operations)
	}
	for _, msp := range Organisations {
		names = append(names, msp+"/peer"+operations, msp+"/ca"+operations)
	}
	return names
}

func (p Ports) given() bool { return p.Base != 0 || len(p.Named) > 0 }

// Planned are the ports of a new network by name, without those that will be free ones.
func (p Ports) Planned() (map[string]int, error) {
	names := PortNames()
	for name := range p.Named {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("ports: nothing is called %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	planned := map[string]int{}
	for i, name := range names {
		if p.Base != 0 {
			planned[name] = p.Base + i
		}
	}
	maps.Copy(planned, p.Named)
	return planned, distinct(names, planned)
}

// assign gives every name its port.
func (p Ports) assign() (map[string]int, error) {
	assigned, err := p.Planned()
	if err != nil || p.Base != 0 {
		return assigned, err
	}
	names := PortNames()
	free, err := freePorts(len(names))
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		if _, named := p.Named[name]; !named {
			assigned[name] = free[i]
		}
	}
	return assigned, distinct(names, assigned)
}

// distinct refuses what is no port, and one that two names would have.
func distinct(names []string, assigned map[string]int) error {
	taken := map[int]string{}
	for _, name := range names {
		port, ok := assigned[name]
		if !ok {
			continue
		}
		if port < 1 || port > 65535 {
			return fmt.Errorf("ports: %s would listen on %d, which is no port", name, port)
		}
		if other, ok := taken[port]; ok {
			return fmt.Errorf("ports: %s and %s would both listen on %d", other, name, port)
		}
		taken[port] = name
	}
	return nil
}

// requireUnused refuses an address on which something listens.
func requireUnused(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("port in use: %w", err)
	}
	return listener.Close()
}

// anInstant is for how long a port may be in use by somebody who only looks whether it is free.
const anInstant = time.Second

// awaitUnused is requireUnused once those are gone who only look.
func awaitUnused(address string) (err error) {
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if err = requireUnused(address); err == nil || time.Since(began) > anInstant {
			return err
		}
	}
}

// Free ports are between these, below the range from which the kernel takes the ports of
// outgoing connections: a port from that range could be gone before the node binds it.
const lowestFree, countFree = 15000, 17000

// portRun is how many ports in a row are given out together.
const portRun = 100

// portClaims keep other programs that look for free ports at the same time from the ones that
// this has chosen: its nodes do not listen there before their folders are made. A claim is a
// socket in the kernel's abstract namespace (unix(7)), which is that of the ports too, and ends with
// the program.
type portClaims struct {
	mu   sync.Mutex
	held map[int]net.Listener // by number of the run
}

// claim takes the runs of these ports, or tells that somebody else has one of them.
func (c *portClaims) claim(ports ...int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, port := range ports {
		run := (port - lowestFree) / portRun
		if c.held[run] != nil {
			continue
		}
		held, err := claimRun(run)
		if err != nil {
			return false
		}
		if c.held == nil {
			c.held = map[int]net.Listener{}
		}
		c.held[run] = held
	}
	return true
}

func claimRun(run int) (net.Listener, error) {
	return net.Listen("unix", fmt.Sprintf("@traceledger/ports/%d", lowestFree+run*portRun))
}

func (c *portClaims) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, held := range c.held {
		held.Close()
	}
	c.held = nil
}

// planPorts makes a plan with ports that nobody else is about to use.
func (n *Network) planPorts() (err error) {
	for range claimTries {
		if n.plan, err = newTopology(n.config); err != nil || n.config.Ports.Base != 0 {
			return err
		}
		var ports []int
		for _, address := range n.plan.addresses() {
			ports = append(ports, portOf(address))
		}
		if n.claims.claim(ports...) {
			break
		}
	}
	return nil
}

// claimedPorts are free ports that nobody else is about to use.
func (n *Network) claimedPorts(count int) (ports []int, err error) {
	for range claimTries {
		if ports, err = freePorts(count); err != nil || n.claims.claim(ports...) {
			break
		}
	}
	return ports, err
}

// portOf is the port of a planned address.
func portOf(address string) int {
	_, port, _ := net.SplitHostPort(address) // made by JoinHostPort
	number, _ := strconv.Atoi(port)
	return number
}

// claimTries is how often other ports are chosen because of a claim. Where next to none are free
// the claims are of no account.
const claimTries = 20

// freePorts finds n ports of the loopback interface that are free now, if it can where
// nobody listens nearby: another network's nodes that are down, and what it has planned for
// its next upgrade, leave ports free for a while between those of its other nodes.
func freePorts(n int) ([]int, error) {
	const runs = countFree / portRun
	if n <= portRun {
		for i, start := 0, rand.IntN(runs); i < runs; i++ {
			if ports, free := freeRun((start + i) % runs); free {
				return ports[:n], nil
			}
		}
	}
	ports := unused(rand.IntN(countFree), countFree, n)
	if len(ports) < n {
		return nil, fmt.Errorf("only %d of %d ports free on %s between %d and %d", len(ports), n, loopback, lowestFree, lowestFree+countFree)
	}
	return ports, nil
}

// freeRun gives the ports of a run if nobody has claimed it or listens in it. It looks no further than it must: to look
// at a port is to listen there for an instant, in which the node that is to have it could not.
func freeRun(run int) (ports []int, free bool) {
	claim, err := claimRun(run)
	if err != nil {
		return nil, false
	}
	defer claim.Close()
	for i := range portRun {
		port := lowestFree + run*portRun + i
		if requireUnused(net.JoinHostPort(loopback, strconv.Itoa(port))) != nil {
			return nil, false
		}
		ports = append(ports, port)
	}
	return ports, true
}

// unused looks through so many ports, around from the last to the first, until it has
// found as many as are wanted on which nobody listens.
func unused(from, through, wanted int) []int {
	ports := make([]int, 0, wanted)
	for offset := 0; offset < through && len(ports) < wanted; offset++ {
		port := lowestFree + (from+offset)%countFree
		if requireUnused(net.JoinHostPort(loopback, strconv.Itoa(port))) == nil {
			ports = append(ports, port)
		}
	}
	return ports
}
