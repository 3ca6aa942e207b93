package fabric

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// RemoveOrganisation stops the nodes of an organisation that joined later and forgets them:
// it is none of Members from then on. What it had stays in its folders. Its group in the
// channel's configuration is taken out by ExcludeOrganisation, once no policy of a chaincode
// needs it. One that is no member is left alone.
func (n *Network) RemoveOrganisation(mspID string) error {
	n.deploying.Lock()
	defer n.deploying.Unlock()
	if slices.Contains(Organisations[:], mspID) {
		return fmt.Errorf("%s is a founding organisation, which the contracts cannot do without", mspID)
	}
	for _, node := range n.Nodes() {
		if strings.HasPrefix(node.Name(), mspID+"/") {
			node.Stop(stopGrace)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Contains(n.plan.members(), mspID) {
		if slices.Contains(n.plan.Left, mspID) {
			return nil
		}
		return fmt.Errorf("no organisation %q in the network; there are %s", mspID, strings.Join(n.plan.members(), ", "))
	}
	plan := n.plan.without(mspID)
	if err := plan.save(n.dir); err != nil {
		return err
	}
	n.plan = plan
	n.nodes = slices.DeleteFunc(n.nodes, func(node *Node) bool { return strings.HasPrefix(node.Name(), mspID+"/") })
	n.logger.Info("an organisation has left", "msp", mspID)
	return nil
}

// without is the plan after an organisation has left.
func (t topology) without(mspID string) topology {
	t.Peers = slices.DeleteFunc(slices.Clone(t.Peers), func(p peerPlan) bool { return p.MSPID == mspID })
	t.CAs = slices.DeleteFunc(slices.Clone(t.CAs), func(c caPlan) bool { return c.MSPID == mspID })
	t.Services = slices.DeleteFunc(slices.Clone(t.Services), func(s servicePlan) bool { return s.MSPID == mspID })
	t.Left = append(slices.Clone(t.Left), mspID)
	return t
}

// ExcludeOrganisation takes an organisation that has left out of the channel's
// configuration, with the signatures of most members' administrators, and waits until every
// peer here has it. From then on its users and administrators are strangers to the channel.
func (n *Network) ExcludeOrganisation(ctx context.Context, mspID string) error {
	n.deploying.Lock()
	defer n.deploying.Unlock()
	if !slices.Contains(n.plan.Left, mspID) {
		return fmt.Errorf("%s has not left the network", mspID)
	}
	return n.changeMember(ctx, mspID, false, func(wanted configuration) { delete(applicationOf(wanted).Groups, mspID) })
}
