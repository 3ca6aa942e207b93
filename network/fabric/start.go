package fabric

import (
	"context"
	"errors"
	"time"
)

// startNodes starts the orderers, peers and chaincode processes that are down, except those of
// organisations which are known to have left. While nobody has told who the members are, it starts
// all: those that turn out to have left are neither waited for nor minded, and ended again.
func (n *Network) startNodes(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		node *Node
		err  error
	}
	var nodes, down []*Node // those to start, and those of them that do not run
	waiting := map[*Node]error{}
	for _, node := range n.Nodes() {
		// A folder that an interrupted upgrade has not made yet is made when it goes on.
		if !exists(node.dir) || n.isAuthority(node) || n.isDeparted(node.Name()) {
			continue
		}
		nodes = append(nodes, node)
		waiting[node] = nil
		if !node.Running() {
			down = append(down, node)
		}
	}
	results, running := make(chan result), 0
	finish := func() {
		cancel()
		for ; running > 0; running-- {
			<-results
		}
	}
	defer finish()
	for _, node := range nodes {
		// One after the other, as a process that runs is restarted.
		err := n.renewTLS(ctx, node)
		running++
		go func() {
			if err == nil {
				err = node.Start(ctx)
			}
			results <- result{node, err}
		}()
	}
	slow := time.NewTicker(time.Second)
	defer slow.Stop()
	for len(waiting) > 0 {
		select {
		case r := <-results:
			running--
			if waiting[r.node] = r.err; r.err == nil {
				delete(waiting, r.node)
				continue
			}
		case <-slow.C:
		}
		_, _ = n.askMembers(ctx) // somebody may be up that tells
		var failed []error
		for _, node := range nodes {
			if err, ok := waiting[node]; ok && n.isDeparted(node.Name()) {
				delete(waiting, node)
			} else if err != nil {
				failed = append(failed, err)
			}
		}
		// Those still on their way may know of an organisation that has left.
		if len(failed) > 0 && len(failed) == len(waiting) {
			return errors.Join(failed...)
		}
	}
	_, _ = n.askMembers(ctx) // of a new network nobody knows anything yet
	finish()
	for _, node := range down {
		if n.isDeparted(node.Name()) {
			node.Stop(stopGrace)
		}
	}
	return nil
}
