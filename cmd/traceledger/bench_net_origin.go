package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"traceledger/network/fabric"
)

// How long each side is measured in a run.
const netDuring = 7 * time.Second

// benchNetOrigin measures registrations of lots by many clients at once, in full (outbox,
// stock client, our contracts, guard keys, commit heard of), against a bare chaincode that
// puts a kilobyte and is driven by the stock client in the ordinary way. Both are measured
// one after the other in each run, and change places from run to run.
func benchNetOrigin(clients int) func(context.Context, *benchNet, int) ([]figure, error) {
	return func(ctx context.Context, n *benchNet, run int) ([]figure, error) {
		sides := []*side{
			{work: func(int64) error { return n.registerNext(ctx) }},
			{work: func(int64) error { return n.putOne(ctx) }},
		}
		for i := range sides {
			if err := sides[(i+run)%len(sides)].measure(n, clients); err != nil {
				return nil, err
			}
		}
		ours, bare := sides[0], sides[1]
		latency := fmt.Sprintf("net-latency-%d", clients)
		figures := []figure{
			{"net-origin", ours.rate, "tx/s", "bare put", bare.rate},
			{latency, ours.p50, "ms", "bare put", bare.p50},
			{latency + "-p99", ours.p99, "ms", "bare put", bare.p99},
			{"net-cpu", ours.spent(), "ms/tx", "bare put", bare.spent()},
		}
		for _, kind := range []string{kindPeer, kindOrderer, kindChaincode, kindGateway} {
			figures = append(figures, figure{"net-cpu-" + kind, ours.share(kind), "%", "bare put", bare.share(kind)})
		}
		return figures, nil
	}
}

// side is one of two that are compared.
type side struct {
	work func(int64) error
	pace
	cpu map[string]time.Duration // by kind of process
}

func (s *side) measure(n *benchNet, clients int) error {
	before, err := n.processorTimes()
	if err != nil {
		return err
	}
	if s.pace, err = paceOf(clients, netDuring, s.work); err != nil {
		return err
	}
	if s.cpu, err = n.processorTimes(); err != nil {
		return err
	}
	for kind := range s.cpu {
		s.cpu[kind] -= before[kind]
	}
	return nil
}

// spent is the processor time of a transaction in all processes, in milliseconds.
func (s *side) spent() float64 {
	return float64(s.total().Microseconds()) / 1000 / float64(s.done)
}

// share is that of one kind of process, in percent.
func (s *side) share(kind string) float64 {
	return 100 * float64(s.cpu[kind]) / float64(s.total())
}

func (s *side) total() (sum time.Duration) {
	for _, spent := range s.cpu {
		sum += spent
	}
	return sum
}

// Kinds of processes.
const (
	kindPeer      = "peer"
	kindOrderer   = "orderer"
	kindChaincode = "chaincode"
	kindGateway   = "gateway" // with its clients: this process
)

func kindOf(node *fabric.Node) string {
	switch name := node.Name(); {
	case strings.HasPrefix(name, "orderer"):
		return kindOrderer
	case strings.HasSuffix(name, "/peer"):
		return kindPeer
	}
	return kindChaincode
}

// processorTimes are what the processes have spent so far, by kind.
func (n *benchNet) processorTimes() (map[string]time.Duration, error) {
	own, err := processorTime(os.Getpid())
	times := map[string]time.Duration{kindGateway: own}
	for _, node := range n.network.Nodes() {
		spent, failed := processorTime(node.PID())
		err = errors.Join(err, failed)
		times[kindOf(node)] += spent
	}
	return times, err
}

// registerNext registers a lot that nobody has registered.
func (n *benchNet) registerNext(ctx context.Context) error {
	_, err := n.registerLot(ctx, fmt.Sprintf("L%d", atomic.AddInt64(&n.written, 1)))
	return err
}
