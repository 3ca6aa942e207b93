package fabric

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Who is a member the channel's configuration says, not topology.json: Fabric's own tools can take
// an organisation out of the channel and put it into it. One that is planned and that the channel
// does not have is left alone: nobody waits for its nodes, and it is asked for nothing. One that the
// channel has and the plan does not know counts wherever most of the members are needed.

// Member is an organisation of the network.
type Member struct {
	MSPID string
	Kind  string // of one that joined later; "" of a founding one
}

// Members are the organisations that are planned and that the channel has, the founding ones
// first; all planned ones where nobody has been asked yet whom it has.
func (n *Network) Members() []Member { return membersOf(n.inChannel()) }

// Departed are the organisations that are planned and that the channel does not have.
func (n *Network) Departed() []Member {
	_, departed := n.parted()
	return membersOf(departed)
}

func membersOf(peers []peerPlan) []Member {
	var members []Member
	for _, peer := range peers {
		members = append(members, Member{peer.MSPID, peer.Kind})
	}
	return members
}

// inChannel are the planned peers of the channel's members.
func (n *Network) inChannel() []peerPlan {
	members, _ := n.parted()
	return members
}

// membersHere are the MSP ids of inChannel.
func (n *Network) membersHere() []string {
	plan := topology{Peers: n.inChannel()}
	return plan.members()
}

// parted are the planned peers, those of the channel's members and the others.
func (n *Network) parted() (members, departed []peerPlan) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, plan := range n.plan.Peers {
		if n.has(plan.MSPID) {
			members = append(members, plan)
		} else {
			departed = append(departed, plan)
		}
	}
	return members, departed
}

// has tells whether the channel has an organisation, true for all while nobody has told, the orderers
// included. The caller holds n.mu.
func (n *Network) has(mspID string) bool {
	if _, refused := n.refused[mspID]; refused {
		return false
	}
	_, member := n.tlsRoots[mspID]
	return member || n.tlsRoots == nil
}

// isMember is has for who does not hold n.mu.
func (n *Network) isMember(mspID string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.has(mspID)
}

// isDeparted tells whether a node is one of an organisation that the channel does not have.
func (n *Network) isDeparted(node string) bool {
	mspID, _, ofOrganisation := strings.Cut(node, "/")
	return ofOrganisation && !n.isMember(mspID)
}

// learn takes note of who the channel's members are, and of their TLS authorities for Endpoints and
// Profile. A configuration is refused that is older than one which told already.
func (n *Network) learn(config configuration) error {
	roots, err := tlsRootsIn(applicationOf(config).GetGroups())
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if config.GetSequence() < n.learnt {
		return fmt.Errorf("the channel's configuration has been updated %d times, and those who answer know of %d", n.learnt, config.GetSequence())
	}
	if config.GetSequence() > n.learnt {
		n.refused = nil // may be of before
	}
	n.tlsRoots, n.learnt = roots, config.GetSequence()
	return nil
}

// newest is the configuration that was updated most often. A peer that lacks blocks has an older one,
// and so has that of an organisation which has left: the block that took it out is kept from it.
func newest(configs []configuration) configuration {
	var last configuration
	for _, config := range configs {
		if last == nil || config.GetSequence() > last.GetSequence() {
			last = config
		}
	}
	return last
}

// askMembers asks the members' peers once for the channel's configuration, and keeps who is in the newest.
func (n *Network) askMembers(ctx context.Context) (configuration, error) {
	told, silent := n.configsOf(ctx, n.administered())
	config := newest(slices.Collect(maps.Values(told)))
	if config == nil {
		return nil, fmt.Errorf("nobody tells who the channel's members are: %w", silent)
	}
	refused, err := n.outBy(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := n.learn(config); err != nil {
		return nil, err
	}
	if len(refused) > 0 {
		n.mu.Lock()
		n.refused = refused
		n.mu.Unlock()
	}
	return config, nil
}

// configsOf asks peers once for the channel's configuration: by MSP id, of those that tell.
func (n *Network) configsOf(ctx context.Context, peers []peerPlan) (told map[string]configuration, silent error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var mu sync.Mutex
	told = map[string]configuration{}
	var group errgroup.Group
	for _, plan := range peers {
		group.Go(func() error {
			config, err := n.configOf(ctx, plan)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent = errors.Join(silent, err)
				return nil
			}
			told[plan.MSPID] = config
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in silent
	return told, silent
}

// configOf is channelConfig of a peer that may be down: a connection that was tried in vain is tried
// again only a second later, when the peer may long have come up.
func (n *Network) configOf(ctx context.Context, plan peerPlan) (configuration, error) {
	if err := reach(ctx, plan.Address()); err != nil {
		return nil, err
	}
	return n.channelConfig(ctx, plan)
}

// learnMembers is askMembers until somebody tells.
func (n *Network) learnMembers(ctx context.Context) (config configuration, err error) {
	if len(n.administered()) == 0 {
		return nil, errors.New("no member's administrator's key is in this folder")
	}
	err = poll(ctx, 100*time.Millisecond, func() (bool, error) {
		config, err = n.askMembers(ctx)
		return err == nil, err
	})
	return config, err
}

// HasLeft tells whether an organisation is planned, or was, and the channel does not have it. It
// asks until somebody tells.
func (n *Network) HasLeft(ctx context.Context, mspID string) (bool, error) {
	if _, err := n.learnMembers(ctx); err != nil {
		return false, err
	}
	plan := n.planned()
	return slices.Contains(append(plan.members(), plan.Left...), mspID) && !n.isMember(mspID), nil
}
