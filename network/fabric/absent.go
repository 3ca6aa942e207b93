package fabric

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
)

// Where organisations keep their own keys, a folder has the administrators of some of them
// only; on a host of its own, of one. For those, up does what it does where all are; the rest
// is theirs.

// Absent are the members whose administrators' keys are not in this folder.
func (n *Network) Absent() []string {
	var absent []string
	for _, plan := range n.inChannel() {
		if !n.administers(plan) {
			absent = append(absent, plan.MSPID)
		}
	}
	return absent
}

// Administered are the members whose administrators' keys are in this folder.
func (n *Network) Administered() []string {
	var ids []string
	for _, plan := range n.administered() {
		ids = append(ids, plan.MSPID)
	}
	return ids
}

// administered are the members' peers that can be asked from here, wherever they are.
func (n *Network) administered() []peerPlan {
	return slices.DeleteFunc(n.inChannel(), func(plan peerPlan) bool { return !n.administers(plan) })
}

// keptHere are the planned peers whose administrators' keys are in this folder, of members or not.
func (n *Network) keptHere() []peerPlan {
	return slices.DeleteFunc(slices.Clone(n.planned().Peers), func(plan peerPlan) bool { return !n.administers(plan) })
}

func (n *Network) administers(plan peerPlan) bool {
	return exists(n.organisationFolder(plan, "users/Admin@"+plan.Domain+"/msp/keystore/priv_sk"))
}

func (n *Network) administersOrderer(plan ordererPlan) bool {
	return exists(n.orderingFolder(plan, "users/Admin@"+plan.Domain+"/tls/client.key"))
}

// joinedBefore is for a node here that cannot be asked: an error unless its data tell that it
// is on the channel.
func (n *Network) joinedBefore(name string, chain ...string) error {
	if !exists(filepath.Join(append([]string{n.nodeFolder(name), "data"}, chain...)...)) {
		return fmt.Errorf("%s has not joined %s, and its organisation's administrator, who must have it join, is not in this folder", name, n.channel)
	}
	n.logger.Warn("a node is not asked how it is: its organisation's administrator is not in this folder", "node", name)
	return nil
}

// ErrOthersNeeded says that something is undone which administrators elsewhere must do along.
var ErrOthersNeeded = errors.New("administrators of other organisations are needed")

// HealOwn is Heal where some administrators are absent. It starts, installs and approves what
// is missing of the organisations whose administrators are here. What only others can do
// along – another majority as policy, an approval that was lost with its peer's data – is
// left: if it is to be done, the error is ErrOthersNeeded, and all the rest is done. It returns
// once those organisations' peers have a transaction committed, level with the channel.
func (n *Network) HealOwn(ctx context.Context, name, policy string) error {
	n.deploying.Lock()
	defer n.deploying.Unlock()
	own := n.administered()
	if len(own) == 0 {
		return nil
	}
	service, ok := n.deployed(name)
	if !ok {
		return fmt.Errorf("%w: %s is not deployed, or topology.json here is of before it was", ErrOthersNeeded, name)
	}
	// Endorsed by others as well, so a peer that fetches blocks still does not pass.
	if err := n.AwaitSubmits(ctx); err != nil {
		return err
	}
	var failed []error
	for _, plan := range own {
		current, err := n.committedOn(ctx, plan, name)
		if err == nil && current == nil {
			err = fmt.Errorf("the channel has no definition of %s", name)
		}
		if err == nil {
			err = n.healMember(ctx, plan, service, current)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("heal %s of %s: %w", name, plan.MSPID, err))
		}
	}
	return errors.Join(append(failed, n.policyFollows(ctx, own[0], name, policy))...)
}

// healMember sees to one organisation's process, package and approval.
func (n *Network) healMember(ctx context.Context, plan peerPlan, service servicePlan, current *lifecycle.QueryChaincodeDefinitionResult) error {
	chaincode := Chaincode{Name: service.Chaincode, Version: service.Version, Binary: n.programOf(service), Arguments: service.Arguments}
	pack, err := n.packageChaincode(chaincode)
	if err != nil {
		return err
	}
	if pack.id != service.PackageID {
		return fmt.Errorf("%s is no longer the program of package %s", n.programOf(service), service.PackageID)
	}
	wanted := definition{
		sequence: current.GetSequence(), name: service.Chaincode, version: current.GetVersion(),
		validation: current.GetValidationParameter(), collections: current.GetCollections(), packageID: pack.id,
	}
	given, err := n.approval(ctx, plan, wanted.name, wanted.sequence)
	if id := given.GetSource().GetLocalPackage().GetPackageId(); err == nil && id != "" && id != pack.id {
		// Upgraded by Fabric's own tools. Approving our package would bring the old program back.
		n.logger.Warn("the organisation has approved another program than this folder knows, and sees to it itself", "msp", plan.MSPID, "package", id)
		return nil
	}
	if err := n.completeService(plan, chaincode, pack); err != nil {
		return err
	}
	if err := n.startService(ctx, plan, pack); err != nil {
		return err
	}
	if err := n.installOn(ctx, plan, pack); err != nil {
		return err
	}
	if err := n.approve(ctx, plan, wanted); errors.Is(err, errApprovalLost) {
		return fmt.Errorf("%w: %w: most organisations approve the same definition as sequence %d, and one commits it", ErrOthersNeeded, err, wanted.sequence+1)
	} else if err != nil {
		return err
	}
	return n.awaitOwnEndorser(ctx, plan, wanted.name)
}

// completeService plans a process of the deployed package for an organisation that has none.
func (n *Network) completeService(plan peerPlan, chaincode Chaincode, pack chaincodePackage) error {
	if _, ok := n.service(func(s servicePlan) bool { return s.MSPID == plan.MSPID && s.PackageID == pack.id }); ok {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.planService(plan, chaincode, pack, 0); err != nil {
		return err
	}
	return n.plan.save(n.dir)
}

// awaitOwnEndorser waits until a peer tells others that it runs the chaincode.
func (n *Network) awaitOwnEndorser(ctx context.Context, plan peerPlan, chaincode string) error {
	return poll(ctx, pollEndorsers, func() (bool, error) {
		members, err := n.endorsers(ctx, plan, chaincode)
		if err == nil && len(members[plan.MSPID].GetPeers()) == 0 {
			err = fmt.Errorf("the peer of %s does not run %s yet", plan.MSPID, chaincode)
		}
		return err == nil, err
	})
}

// policyFollows is an error if the definition's policy is to be renewed, as Heal does. It goes by
// the members that the channel has, and keeps what of them clients need to know.
func (n *Network) policyFollows(ctx context.Context, plan peerPlan, name, policy string) error {
	config, err := n.learnMembers(ctx)
	if err != nil {
		return err
	}
	members := applicationOf(config).GetGroups()
	planned := n.planned()
	if differ := symmetricDifference(planned.members(), members); len(differ) > 0 {
		n.logger.Warn("members have come or gone, and topology.json here does not know: bring the newest", "msps", differ)
		return nil
	}
	current, err := n.committedOn(ctx, plan, name)
	if err != nil || current == nil {
		return err
	}
	due, err := n.duePolicy(definition{name: name, validation: current.GetValidationParameter()}, policy)
	if err != nil || due == nil {
		return err
	}
	return fmt.Errorf("%w: the endorsement policy of %s is to become %s: most organisations approve that as sequence %d, and one commits it",
		ErrOthersNeeded, name, policy, current.GetSequence()+1)
}

// symmetricDifference is what is in one of both only, in order.
func symmetricDifference(planned []string, members map[string]*common.ConfigGroup) []string {
	var differ []string
	for id := range members {
		if !slices.Contains(planned, id) {
			differ = append(differ, id)
		}
	}
	for _, id := range planned {
		if members[id] == nil {
			differ = append(differ, id)
		}
	}
	slices.Sort(differ)
	return differ
}

// genesis is the channel's first block, which only a node that joins needs.
func (n *Network) genesis() ([]byte, error) {
	content, err := os.ReadFile(n.genesisFile())
	if err != nil {
		return nil, fmt.Errorf("the channel's first block, for a node to join: %w", err)
	}
	return content, nil
}
