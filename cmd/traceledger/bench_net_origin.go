package main

import (
	"context"
	"fmt"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
)

// How long each side is measured in a run.
const netDuring = 7 * time.Second

// benchNetOrigin measures registrations of lots by many clients at once, in full (outbox,
// stock client, our contracts, guard keys, commit heard of), against a bare chaincode that
// puts a kilobyte and is driven by the stock client in the ordinary way: deployed in the
// ordinary way too, so that the channel's endorsement policy counts, and with the contracts'
// own. All are measured one after the other in each run, and change places from run to run.
func benchNetOrigin(clients int) func(context.Context, *benchNet, int) ([]figure, error) {
	return func(ctx context.Context, n *benchNet, run int) ([]figure, error) {
		sides := []*side{
			{work: func(int64) error { return n.registerNext(ctx) }},
			{work: func(int64) error { return n.putOne(ctx, putName) }},
			{work: func(int64) error { return n.putOne(ctx, putPolicyName) }},
		}
		for i := range sides {
			if err := sides[(i+run)%len(sides)].measure(n, clients); err != nil {
				return nil, err
			}
		}
		ours, bare, policy := sides[0], sides[1], sides[2]
		latency := fmt.Sprintf("net-latency-%d", clients)
		figures := []figure{
			{"net-origin", ours.rate, "tx/s", "bare put", bare.rate},
			{"net-origin-same-policy", ours.rate, "tx/s", "bare put", policy.rate},
			{latency, ours.p50, "ms", "bare put", bare.p50},
			{latency + "-p99", ours.p99, "ms", "bare put", bare.p99},
			{"net-cpu", ours.spent(), "ms/tx", "bare put", bare.spent()},
			{"net-cpu-same-policy", ours.spent(), "ms/tx", "bare put", policy.spent()},
		}
		for _, kind := range []string{kindPeer, kindOrderer, kindChaincode, kindGateway} {
			figures = append(figures, figure{"net-cpu-" + kind, ours.share(kind), "%", "bare put", bare.share(kind)})
		}
		return figures, nil
	}
}

// side is one of those that are compared.
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
	after, err := n.processorTimes()
	s.cpu = spentBetween(before, after)
	return err
}

// spent is the processor time of a transaction in all processes, in milliseconds.
func (s *side) spent() float64 {
	return float64(totalOf(s.cpu).Microseconds()) / 1000 / float64(s.done)
}

// share is that of one kind of process, in percent.
func (s *side) share(kind string) float64 {
	return 100 * float64(s.cpu[kind]) / float64(totalOf(s.cpu))
}

// registerNext registers a lot that nobody has registered. When the answer does not come in
// time, as on an overloaded machine, the same request waits on.
func (n *benchNet) registerNext(ctx context.Context) error {
	lot := fmt.Sprintf("L%d", n.written.Add(1))
	request := benchLot(lot)
	var err error
	for range netTries {
		_, err = n.submit(ctx, trace.RoleFactory, "origin", "RegisterBatch", lot, request)
		if trace.CodeOf(err) != ledger.CodeOutcomeUnknown {
			return err
		}
	}
	return err
}
