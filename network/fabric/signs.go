package fabric

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"

	"traceledger/network/block"
)

// An orderer that was away has the others' blocks before it orders along: while transactions come it
// fetches them and is behind again. Its height does not tell; its signature does, which it puts only
// on blocks that it has decided itself. Until then the loss of the leader takes four times as long
// to get over (docs/decisions/fabric-found-by-conformance.md).

const (
	// quietFor is how long no block must have come for the orderers not to be ordering. The timer
	// of a block is RequestBatchMaxInterval, of a heartbeat a second.
	quietFor = 2 * time.Second
	// signsWithin is how long an orderer that fetches blocks is waited for to sign one.
	signsWithin = time.Minute
)

// newestBlock is the newest block that an orderer has.
func (n *Network) newestBlock(ctx context.Context, plan ordererPlan) (*common.Block, error) {
	roots, err := rootsIn(n.orderingFolder(plan, "tlsca"))
	if err != nil {
		return nil, err
	}
	user := "Admin@" + plan.Domain
	admin, err := signerIn(n.orderingFolder(plan, "users/"+user+"/msp"), plan.MSPID, user)
	if err != nil {
		return nil, err
	}
	request, err := n.seek(admin, &orderer.SeekPosition{Type: &orderer.SeekPosition_Newest{Newest: &orderer.SeekNewest{}}})
	if err != nil {
		return nil, err
	}
	conn, err := dialOrderer(plan.Address(), roots)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, answersIn)
	defer cancel()
	newest, status, err := deliver(ctx, conn, request)
	if err == nil && newest == nil {
		err = fmt.Errorf("%s gives no block: %s", plan.name(), status)
	}
	return newest, err
}

// signed is the number of the newest block that an orderer has, and whether it has signed it itself.
func (n *Network) signed(ctx context.Context, plan ordererPlan) (number uint64, itself bool, err error) {
	newest, err := n.newestBlock(ctx, plan)
	if err != nil {
		return 0, false, err
	}
	signatures, err := block.OrdererSignatures(newest)
	if err != nil {
		return 0, false, err
	}
	consenter := n.consenter(plan)
	return newest.GetHeader().GetNumber(), slices.ContainsFunc(signatures, func(s block.OrdererSignature) bool { return s.Consenter == consenter }), nil
}

// askSigning notes which orderers have signed the newest block they have. One of before an absence
// does not count: they must have about what anybody had when its status was asked.
func (n *Network) askSigning(ctx context.Context, plans []ordererPlan, statuses []NodeStatus) {
	var highest uint64
	for _, s := range statuses {
		highest = max(highest, s.Height)
	}
	var asking sync.WaitGroup
	for _, plan := range plans {
		i := slices.IndexFunc(statuses, func(s NodeStatus) bool { return s.Name == plan.name() && s.Joined && s.Problem == "" })
		if i < 0 {
			continue
		}
		asking.Go(func() {
			number, itself, err := n.signed(ctx, plan)
			statuses[i].Signs = err == nil && itself && number+4 >= highest // a height is one more than a number
		})
	}
	asking.Wait()
}

// consenter is an orderer's id in the channel's configuration, which counts from 1.
func (n *Network) consenter(plan ordererPlan) uint32 {
	return 1 + uint32(slices.IndexFunc(n.planned().Orderers, func(o ordererPlan) bool { return o.name() == plan.name() }))
}

// awaitSigning waits until each orderer here orders along: its newest block has its own signature,
// or no block comes that it could have signed. What never signs is not for this folder to mend – the
// channel's configuration may have another certificate of it –, so it is a warning.
func (n *Network) awaitSigning(ctx context.Context) error {
	ctx, _, stop := whileMoving(ctx, noBlockFor)
	defer stop()
	began := time.Now()
	last := map[string]uint64{}     // newest block of each
	moved := map[string]time.Time{} // since when it is that
	return poll(ctx, 200*time.Millisecond, func() (bool, error) {
		var following []string
		ordering := false
		for _, plan := range n.planned().Orderers {
			if !n.isHere(plan.name()) || !n.administersOrderer(plan) {
				continue
			}
			number, itself, err := n.signed(ctx, plan)
			if err != nil {
				continue // AwaitLevel sees to those that do not answer
			}
			if since, seen := moved[plan.name()]; !seen || number > last[plan.name()] {
				last[plan.name()], moved[plan.name()] = number, time.Now()
				ordering = ordering || seen
			} else {
				ordering = ordering || time.Since(since) < quietFor
			}
			if !itself {
				following = append(following, plan.name())
			}
		}
		switch {
		case len(following) == 0:
			return true, nil
		case !ordering && time.Since(began) > quietFor:
			return true, nil
		case time.Since(began) > signsWithin:
			n.logger.Warn("orderers have the blocks but sign none: the loss of another one will be felt for long, or stop everything", "nodes", following)
			return true, nil
		}
		return false, fmt.Errorf("%v have the blocks, but sign none yet", following)
	})
}
