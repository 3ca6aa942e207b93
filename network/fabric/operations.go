package fabric

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// openOperations gives every node that has none a port for health and metrics, and writes it
// into the node's configuration, where the node finds it at its next start: a network made
// before there were such ports had its nodes listen anywhere, on their public names.
func (n *Network) openOperations() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	plan := n.plan
	plan.Orderers, plan.Peers, plan.CAs = slices.Clone(plan.Orderers), slices.Clone(plan.Peers), slices.Clone(plan.CAs)
	type place struct {
		node, file string
		port       *int
	}
	var without []place
	add := func(node, file string, port *int) {
		if *port == 0 {
			without = append(without, place{node, file, port})
		}
	}
	for i := range plan.Orderers {
		add(plan.Orderers[i].name(), "orderer.yaml", &plan.Orderers[i].OperationsPort)
	}
	for i := range plan.Peers {
		add(plan.Peers[i].name(), "core.yaml", &plan.Peers[i].OperationsPort)
	}
	for i := range plan.CAs {
		add(plan.CAs[i].name(), "fabric-ca-server-config.yaml", &plan.CAs[i].OperationsPort)
	}
	if len(without) == 0 {
		return nil
	}
	ports, err := n.furtherPorts(len(without))
	if err != nil {
		return err
	}
	for i, p := range without {
		*p.port = ports[i]
		if named := n.config.Ports.Named[p.node+operations]; named != 0 {
			*p.port = named
		}
		if !n.isHere(p.node) {
			continue
		}
		path := filepath.Join(n.nodeFolder(p.node), p.file)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := replaceFile(path, withOperations(content, operationsAt(*p.port))); err != nil {
			return err
		}
	}
	// Last, so that what was interrupted is done again.
	if err := plan.save(n.dir); err != nil {
		return err
	}
	n.plan = plan
	return nil
}

var (
	anyPort   = regexp.MustCompile(`(?mi)^(operations:\n +listenAddress: ).*$`)
	noMetrics = regexp.MustCompile(`(?mi)^(metrics: \{provider: )disabled\}$`)
)

// withOperations changes these two settings in a node's configuration and nothing else of it.
func withOperations(configuration []byte, address string) []byte {
	configuration = anyPort.ReplaceAll(configuration, []byte("${1}"+address))
	return noMetrics.ReplaceAll(configuration, []byte("${1}prometheus}"))
}
