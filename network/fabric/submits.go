package fabric

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/discovery"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"golang.org/x/sync/errgroup"
)

// AwaitSubmits returns when every member's gateway has taken a transaction
// and seen it committed, with the endorsement of all that are planned: a question to the lifecycle,
// submitted, which changes nothing on the channel. Where administrators are absent, the
// others' gateways are waited for, and the endorsements of most that their peers see: who is
// away elsewhere is not for this folder to wait for.
func (n *Network) AwaitSubmits(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	members := n.membersHere()
	all := len(n.Absent()) == 0
	for _, plan := range n.administered() {
		group.Go(func() error {
			if all {
				return n.submitQuery(ctx, plan, members)
			}
			return n.awaitSubmitsAround(ctx, plan)
		})
	}
	return group.Wait()
}

// submitQuery submits what changes nothing.
func (n *Network) submitQuery(ctx context.Context, plan peerPlan, endorsers []string) error {
	return n.submitLifecycle(ctx, plan, "QueryChaincodeDefinitions", &lifecycle.QueryChaincodeDefinitionsArgs{},
		func() (bool, error) { return false, nil }, endorsers...)
}

// awaitSubmitsAround is AwaitSubmits for one gateway, with the endorsements of most members: its
// own peer's and those of others that it sees. Whom it sees may change, so each try
// is short; whom the channel has may too, and is not for topology.json to say: a newcomer
// that joined by Fabric's own tools is not in it, and counts.
func (n *Network) awaitSubmitsAround(ctx context.Context, plan peerPlan) error {
	tries := 0
	var refused tally
	var asked time.Time
	return poll(ctx, pollEndorsers, func() (bool, error) {
		config, err := n.channelConfig(ctx, plan)
		if err != nil {
			return false, err
		}
		err = n.submitAround(ctx, plan, applicationOf(config).GetGroups(), tries)
		tries++
		if err == nil {
			return true, nil
		}
		if time.Since(asked) > askAgain {
			if t, err := n.refusals(ctx, plan, config); err == nil {
				refused = t
			}
			asked = time.Now()
		}
		if refused.out() {
			return false, fatal(noMember(plan, refused))
		}
		return false, refused.beside(err)
	})
}

// submitAround is one try of awaitSubmitsAround.
func (n *Network) submitAround(ctx context.Context, plan peerPlan, members map[string]*common.ConfigGroup, try int) error {
	seen, err := n.endorsers(ctx, plan, "")
	if err != nil {
		return err
	}
	// For a while it sees those of an organisation that has left.
	maps.DeleteFunc(seen, func(id string, _ *discovery.Peers) bool { return members[id] == nil })
	most, err := mostMembers(plan.MSPID, slices.Sorted(maps.Keys(seen)), len(members), try)
	if err != nil {
		return err
	}
	trying, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	return ofOneTry(trying, n.submitQuery(trying, plan, most))
}

// ofOneTry ends all tries with what another one would be told too. Endorsements of most of those whom the
// peer knew are too few where an organisation has joined of which it had not read: a later try counts that one.
func ofOneTry(trying context.Context, err error) error {
	var commit *client.CommitError
	fewer := errors.As(err, &commit) && commit.Code == peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	if err == nil || trying.Err() != nil || fewer {
		return err
	}
	return fatal(err)
}

// mostMembers are an organisation and as many of the others that its peer sees as make most of
// so many members. Each try begins with the next of them: one that answers, but lacks blocks,
// endorses nothing.
func mostMembers(own string, seen []string, members, try int) ([]string, error) {
	others := slices.DeleteFunc(slices.Clone(seen), func(id string) bool { return id == own })
	need := members/2 + 1
	if len(others)+1 < need {
		return nil, fmt.Errorf("the peer of %s sees those of %v only, %d of %d are needed", own, others, need, members)
	}
	most := []string{own}
	for i := range need - 1 {
		most = append(most, others[(try+i)%len(others)])
	}
	return most, nil
}

// oneTry is how long those are asked that a peer saw before it is asked again whom it sees.
const oneTry = 15 * time.Second

// stir has a block come into being, if the nodes that are well can order one.
func (n *Network) stir(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, plan := range n.administered() {
		if err := n.awaitSubmitsAround(ctx, plan); err == nil || ctx.Err() != nil {
			return
		}
	}
}
