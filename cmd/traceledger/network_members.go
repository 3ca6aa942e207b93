package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	chain "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// endorsementPolicy is the contracts': most of the organisations that are members
// (docs/decisions/endorsement-policy.md).
func endorsementPolicy(network *fabric.Network) string {
	var members []string
	for _, member := range network.Members() {
		members = append(members, member.MSPID)
	}
	return fabric.Majority(members)
}

// networkRemove takes an organisation whose membership has ended on the chain out of the
// network: its nodes end, the contracts are endorsed by most of the others, and the
// channel's configuration forgets it. Its nodes may be gone already, and so may its place in
// the channel: then the chain need not say that the membership has ended. Called again it
// finishes what was interrupted.
func networkRemove(ctx context.Context, c networkCall) error {
	msp := c.flags.organisation
	if msp == "" {
		return fmt.Errorf("remove needs -msp")
	}
	asking, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	network, err := fabric.Open(asking, c.fabric())
	if err != nil {
		return err
	}
	began := time.Now()
	if err = c.membershipEnded(asking, network, msp); err != nil {
		telling, cancel := context.WithTimeout(asking, operatorPatience)
		if left, unknown := network.HasLeft(telling, msp); unknown == nil && left {
			fmt.Fprintf(c.out, "the channel has %s no more; note: %v\n", msp, err)
			err = nil
		}
		cancel()
	}
	if err == nil {
		err = network.RemoveOrganisation(msp)
	}
	network.Detach()
	if err != nil {
		return err
	}
	if network, err = c.up(ctx); err != nil {
		return err
	}
	defer network.Detach()
	ctx, cancel = context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	if err := network.ExcludeOrganisation(ctx, msp); err != nil {
		return fmt.Errorf("take %s out of the channel: %w", msp, err)
	}
	fmt.Fprintf(c.out, "%s left in %s: %d organisations\n", msp, time.Since(began).Round(100*time.Millisecond), len(network.Members()))
	return nil
}

// membershipEnded is nil if the chain says that an organisation's membership is over. The
// operator's own peer is asked once it has what others have: the end may have been recorded a
// moment ago through another one.
func (c *networkCall) membershipEnded(ctx context.Context, network *fabric.Network, msp string) (err error) {
	level, cancel := context.WithTimeout(ctx, operatorPatience)
	defer cancel()
	if err := network.AwaitPeer(level, trace.RegulatorMSP); err != nil {
		c.logger.Warn("the chain is asked at whoever answers", "because", err)
	}
	operator, err := c.asOperator(network)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, operator.close()) }()
	var end trace.OrganisationEnd
	found, err := operator.read(ctx, chain.OrganisationEndKey(msp), &end)
	switch {
	case err != nil:
		return fmt.Errorf("ask the chain whether the membership of %s has ended: %w", msp, err)
	case !found:
		return fmt.Errorf("the chain says nothing of an end of %s's membership: a founding regulator ends it first (registry:EndOrganisation)", msp)
	case trace.TimeOf(time.Now()).Date() < end.From:
		return fmt.Errorf("the membership of %s ends on %s", msp, end.From)
	}
	return nil
}
