package fabric

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The block that takes an organisation out of the channel is kept from its own peer, whose configuration
// goes on to list it. Where the others keep their keys elsewhere, nobody here tells; the orderers do, which
// give blocks to the channel's readers only (Fabric's common/deliver: status FORBIDDEN).

// askAgain is how long those who wait for something leave the orderers alone.
const askAgain = 2 * time.Second

// tally is how the channel's orderers answer an organisation.
type tally struct {
	refusing, orderers int
	who                string // asked for the organisation
}

func (t tally) String() string {
	return fmt.Sprintf("%d of %d orderers refuse %s", t.refusing, t.orderers, t.who)
}

// out tells whether the channel has the organisation no more. Every block is signed by a quorum of the
// orderers; those that can lack the one which took a newcomer in, with those that may lie, are fewer.
func (t tally) out() bool { return t.refusing >= quorum(t.orderers) }

// quorum is how many of the orderers sign a block (SmartBFT's computeQuorum).
func quorum(orderers int) int {
	faulty := (orderers - 1) / 3
	return (orderers + faulty + 2) / 2 // half of n + f + 1, rounded up
}

// beside adds to what went wrong that some orderers refuse the organisation, which may be why.
func (t tally) beside(err error) error {
	if t.refusing == 0 {
		return err
	}
	var last fatalError
	if errors.As(err, &last) {
		return fatal(fmt.Errorf("%w; %s", last.error, t))
	}
	return fmt.Errorf("%w; %s", err, t)
}

// noMember is the error of what only a member of the channel can do.
func noMember(plan peerPlan, t tally) error {
	why := ""
	if t.refusing > 0 {
		// One whose authority was taken out of its definition gets no blocks either.
		why = ", or not the authority of its certificates: " + t.String()
	}
	return fmt.Errorf("the channel has %[1]s no more%[2]s; its nodes are left alone. It is taken in again by traceledger network add -msp %[1]s -kind %[3]s "+
		"where the keys of most members' administrators are, else by Fabric's tools (docs/operations.md)", plan.MSPID, why, cmp.Or(plan.Kind, plan.MSPID))
}

// allDeparted is an error where the keys of administrators are here, and the channel has none of their
// organisations.
func (n *Network) allDeparted() error {
	if len(n.administered()) > 0 {
		return nil
	}
	var gone []error
	for _, plan := range n.keptHere() {
		n.mu.Lock()
		t := n.refused[plan.MSPID]
		n.mu.Unlock()
		gone = append(gone, noMember(plan, t))
	}
	return errors.Join(gone...)
}

// askOrderers takes note of the organisations that a quorum of the orderers refuses. It asks for those whose
// administrators are here, and nobody where all members' are: then some peer here has the newest configuration.
func (n *Network) askOrderers(ctx context.Context) {
	if len(n.Absent()) == 0 {
		return
	}
	own := n.keptHere()
	told, _ := n.configsOf(ctx, own)
	own = slices.DeleteFunc(own, func(plan peerPlan) bool { return told[plan.MSPID] == nil })
	slices.SortStableFunc(own, func(a, b peerPlan) int {
		return cmp.Compare(told[b.MSPID].GetSequence(), told[a.MSPID].GetSequence())
	})
	refused := map[string]tally{}
	for _, plan := range own {
		t, err := n.refusals(ctx, plan, told[plan.MSPID])
		if err != nil {
			n.logger.Warn("the orderers are not asked whether the channel has an organisation", "msp", plan.MSPID, "error", err)
			return
		}
		if !t.out() {
			break // its peer gets every block, and tells of the others here
		}
		refused[plan.MSPID] = t
	}
	if len(own) > 0 {
		n.mu.Lock()
		n.refused = refused
		n.mu.Unlock()
	}
}

// outBy asks the orderers about a configuration that has none of the organisations whose administrators are
// here. Their peers got the block which took them out, and that is given to those only that have been taken in
// again since (or handed on by another's peer): one that comes to the next blocks is a member, whatever it has
// read. The error says that it is so, or that too few orderers answer to tell.
func (n *Network) outBy(ctx context.Context, config configuration) (refused map[string]tally, err error) {
	members := applicationOf(config).GetGroups()
	own := n.keptHere()
	if slices.ContainsFunc(own, func(plan peerPlan) bool { return members[plan.MSPID] != nil }) {
		return nil, nil
	}
	refused = map[string]tally{}
	for _, plan := range own {
		t, err := n.refusals(ctx, plan, config)
		if err != nil {
			return nil, err
		}
		if t.orderers > 0 && !t.out() { // else nobody can be asked, and the configuration stands
			return nil, t.beside(fmt.Errorf("the peer of %[1]s has read that the channel has %[1]s no more, and not whether it was taken in again", plan.MSPID))
		}
		if t.out() {
			refused[plan.MSPID] = t
		}
	}
	return refused, nil
}

// refusals asks the orderers of a configuration for a block as the organisation's administrator, and as its peer
// if its keys are here: the certificate of one may be revoked.
func (n *Network) refusals(ctx context.Context, plan peerPlan, config configuration) (tally, error) {
	requests, who, err := n.requests(plan)
	if err != nil || len(requests) == 0 {
		return tally{}, err
	}
	places, err := n.orderersIn(config)
	if err != nil {
		return tally{}, err
	}
	asking, cancel := context.WithTimeout(ctx, answersIn)
	defer cancel()
	answers := make(chan answer, len(places))
	for _, place := range places {
		go func() { answers <- place.ask(asking, requests) }()
	}
	t := tally{orderers: len(places), who: who}
	for range places {
		if <-answers == refuses {
			t.refusing++
		}
	}
	return t, ctx.Err()
}
