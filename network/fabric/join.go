package fabric

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// NewOrganisation is a member that joins a network of which it was no founder.
type NewOrganisation struct {
	// MSPID names it; its domain is the name in lower case without "MSP", below
	// ".example".
	MSPID string
	// Kind is what the contracts take it for; only kept, for Members.
	Kind string
	// Host is the name under which its peer and CA are reached; empty means 127.0.0.1.
	Host string
}

// joiningPlan is an organisation on its way into the channel.
type joiningPlan struct {
	Peer peerPlan `json:"peer"`
	CA   *caPlan  `json:"ca,omitempty"`
}

// AddOrganisation makes an organisation with one peer and, where the others have them, a
// Fabric CA, and takes it into the running channel: keys, an update of the channel's
// configuration that most members' administrators sign, and a peer that has joined and
// has all blocks. Heal then gives it the chaincode. One that is a member already is left
// alone; one that is planned and that the channel does not have is taken in again with the keys that
// it has; what was interrupted is finished by the next call. The administrators' keys must
// be in this folder: where organisations keep their own, they sign by Fabric's tools
// (docs/operations.md).
func (n *Network) AddOrganisation(ctx context.Context, organisation NewOrganisation) error {
	n.deploying.Lock()
	defer n.deploying.Unlock()
	began := time.Now()
	if _, err := n.learnMembers(ctx); err != nil {
		return err
	}
	if plan, err := n.plan.peer(organisation.MSPID); err == nil {
		if n.isMember(plan.MSPID) {
			return nil
		}
		return n.readmit(ctx, plan)
	}
	joining, err := n.planJoining(organisation)
	if err != nil {
		return err
	}
	if err := n.makeJoiningCrypto(ctx, joining.Peer); err != nil {
		return fmt.Errorf("keys of %s: %w", organisation.MSPID, err)
	}
	if err := n.configure(ctx, joining.Peer); err != nil {
		return fmt.Errorf("take %s into the channel: %w", organisation.MSPID, err)
	}
	if err := n.enterPlan(joining); err != nil {
		return err
	}
	if err := n.bringIn(ctx, joining.Peer); err != nil {
		return err
	}
	n.logger.Info("an organisation has joined", "msp", organisation.MSPID, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// readmit takes a planned organisation into the channel that has it no more.
func (n *Network) readmit(ctx context.Context, plan peerPlan) error {
	if err := n.configure(ctx, plan); err != nil {
		return fmt.Errorf("take %s into the channel again: %w", plan.MSPID, err)
	}
	if !n.isHere(plan.name()) {
		return nil
	}
	node, err := n.Node(plan.name())
	if err != nil {
		return err
	}
	node.Stop(stopGrace) // one that the orderers refuse asks them ever more rarely
	if err := n.bringIn(ctx, plan); err != nil {
		return err
	}
	n.logger.Info("an organisation has joined again", "msp", plan.MSPID)
	return nil
}

// bringIn starts a new member's peer, and waits until it has joined and has all blocks.
func (n *Network) bringIn(ctx context.Context, plan peerPlan) error {
	node, err := n.Node(plan.name())
	if err != nil {
		return err
	}
	if err := node.Start(ctx); err != nil {
		return err
	}
	if err := n.joinPeer(ctx, plan); err != nil {
		return err
	}
	return n.awaitLevel(ctx)
}

// planJoining gives the organisation its place, the same one as an interrupted call did.
func (n *Network) planJoining(organisation NewOrganisation) (joiningPlan, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, planned := range n.plan.Joining {
		if planned.Peer.MSPID == organisation.MSPID {
			return planned, nil
		}
	}
	domain, err := n.newDomain(organisation.MSPID)
	if err != nil {
		return joiningPlan{}, err
	}
	ports, err := n.furtherPorts(7)
	if err != nil {
		return joiningPlan{}, err
	}
	host := organisation.Host
	if host == "" {
		host = loopback
	}
	planned := joiningPlan{Peer: peerPlan{
		nodePlan: nodePlan{MSPID: organisation.MSPID, Domain: domain, Hostname: "peer0", Host: host, Port: ports[0], OperationsPort: ports[5]},
		Kind:     organisation.Kind, ChaincodePort: ports[1], ServicePorts: ports[2:4],
	}}
	if len(n.plan.CAs) > 0 {
		planned.CA = &caPlan{MSPID: organisation.MSPID, Domain: domain, Host: host, Port: ports[4], OperationsPort: ports[6]}
	}
	n.plan.Joining = append(slices.Clone(n.plan.Joining), planned)
	return planned, n.plan.save(n.dir)
}

// MayAdd tells whether AddOrganisation could give an organisation its place. It changes
// nothing, and is asked before the organisation is admitted on the chain: what is admitted
// there stays, with its name.
func (n *Network) MayAdd(mspID string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.Contains(n.plan.members(), mspID) {
		return nil
	}
	_, err := n.newDomain(mspID)
	return err
}

// newDomain is the domain of an organisation that is none yet. Its name must be new, and
// that of a host and of a group in the channel's configuration.
func (n *Network) newDomain(mspID string) (string, error) {
	label := strings.ToLower(strings.TrimSuffix(mspID, "MSP"))
	if label == "" || label[0] == '.' || label[0] == '-' {
		return "", fmt.Errorf("%q names no host: it must begin with a letter or digit", mspID)
	}
	domain := label + ".example"
	if _, err := os.Stat(filepath.Join(n.cryptoFolder(), "peerOrganizations")); err != nil {
		return "", fmt.Errorf("the organisations' administrators are not here: %w", err)
	}
	for _, orderer := range n.plan.Orderers {
		if orderer.MSPID == mspID {
			return "", fmt.Errorf("%s is an ordering organisation", mspID)
		}
	}
	taken := slices.Clone(n.plan.Peers)
	for _, joining := range n.plan.Joining {
		taken = append(taken, joining.Peer)
	}
	for _, peer := range taken {
		if peer.MSPID != mspID && peer.Domain == domain {
			return "", fmt.Errorf("%s and %s would both have the domain %s", peer.MSPID, mspID, domain)
		}
	}
	return domain, nil
}

// furtherPorts finds ports behind those of the plan where these were counted up from a
// base, else free ones.
func (n *Network) furtherPorts(count int) ([]int, error) {
	if n.config.Ports.Base == 0 {
		return n.claimedPorts(count)
	}
	taken := map[int]bool{}
	note := func(addresses map[string]string) {
		for _, address := range addresses {
			taken[portOf(address)] = true
		}
	}
	note(n.plan.addresses())
	for _, j := range n.plan.Joining {
		other := topology{Peers: []peerPlan{j.Peer}}
		if j.CA != nil {
			other.CAs = []caPlan{*j.CA}
		}
		note(other.addresses())
	}
	var ports []int
	for port := n.config.Ports.Base + len(PortNames()); port <= 65535 && len(ports) < count; port++ {
		if !taken[port] && requireUnused(net.JoinHostPort(loopback, strconv.Itoa(port))) == nil {
			ports = append(ports, port)
		}
	}
	if len(ports) < count {
		return nil, errors.New("no ports are free behind those of the network")
	}
	return ports, nil
}

// makeJoiningCrypto has cryptogen make the organisation's keys, once.
func (n *Network) makeJoiningCrypto(ctx context.Context, plan peerPlan) error {
	if _, err := os.Stat(n.organisationFolder(plan, "")); err == nil {
		return nil
	}
	aside := filepath.Join(n.dir, "joining")
	if err := errors.Join(os.RemoveAll(aside), os.MkdirAll(aside, 0o700)); err != nil {
		return err
	}
	file := filepath.Join(aside, "crypto-config.yaml")
	if err := n.renderTo(file, "crypto-config.yaml", topology{Peers: []peerPlan{plan}}); err != nil {
		return err
	}
	if err := run(ctx, nil, filepath.Join(n.config.Binaries, "cryptogen"), "generate", "--config", file, "--output", aside); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(aside, "peerOrganizations", plan.Domain), n.organisationFolder(plan, "")); err != nil {
		return err
	}
	return os.RemoveAll(aside)
}

// configure brings the organisation, with its anchor peer, into the channel's
// configuration, and waits until every peer here has it.
func (n *Network) configure(ctx context.Context, plan peerPlan) error {
	definition, err := n.organisationDefinition(ctx, plan)
	if err != nil {
		return err
	}
	return n.changeMember(ctx, plan.MSPID, true, func(wanted configuration) {
		applicationOf(wanted).Groups[plan.MSPID] = definition
	})
}

// inForceAfter is how long an update of the channel's configuration may take to come into force,
// with a change of leader, before it is handed to another orderer: one that missed the last change
// takes an update and cannot have it ordered.
const inForceAfter = 20 * time.Second

// changeMember has the channel's configuration changed unless it has, or has no more, an
// organisation, and waits until every peer here knows.
func (n *Network) changeMember(ctx context.Context, mspID string, wanted bool, change func(configuration)) error {
	for try, taken := 0, false; ; try++ {
		current, err := n.learnMembers(ctx)
		if err != nil {
			return err
		}
		var refused error
		if n.isMember(mspID) != wanted {
			// Refused, too, where an update before it comes into force meanwhile: this command's, or that of one
			// which was killed.
			refused = n.updateConfig(ctx, current, try, change)
			if taken = taken || refused == nil; !taken && !errors.Is(refused, errAway) && (try > 0 || !errors.Is(refused, errNotTaken)) {
				return refused
			}
		}
		trying, cancel := context.WithTimeout(ctx, n.inForceAfter)
		err = n.awaitMember(trying, mspID, wanted)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errors.Join(err, refused)
		}
	}
}

// awaitMember waits until every other member's peer here has read that the organisation is in the
// channel's configuration, or is in it no more.
func (n *Network) awaitMember(ctx context.Context, mspID string, wanted bool) error {
	group, waiting := errgroup.WithContext(ctx)
	for _, peer := range n.inChannel() {
		if !n.isHere(peer.name()) || peer.MSPID == mspID {
			continue
		}
		group.Go(func() error {
			return poll(waiting, 50*time.Millisecond, func() (bool, error) {
				current, err := n.channelConfig(waiting, peer)
				if err != nil {
					return false, err
				}
				if _, member := applicationOf(current).GetGroups()[mspID]; member != wanted {
					return false, fmt.Errorf("the peer of %s has not read that the membership of %s changed", peer.MSPID, mspID)
				}
				return true, nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err := n.learnMembers(ctx)
	return err
}

// enterPlan lays out the folders of an organisation that the channel has taken in, and
// makes it a member for this run and the next.
func (n *Network) enterPlan(joining joiningPlan) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	plan := n.plan
	plan.Peers = append(slices.Clone(plan.Peers), joining.Peer)
	plan.Joining = slices.DeleteFunc(slices.Clone(plan.Joining), func(j joiningPlan) bool { return j.Peer.MSPID == joining.Peer.MSPID })
	if joining.CA != nil {
		plan.CAs = append(slices.Clone(plan.CAs), *joining.CA)
	}
	if err := n.makePeerFolder(joining.Peer); err != nil {
		return err
	}
	if joining.CA != nil {
		if err := n.makeCAFolder(joining.Peer, *joining.CA); err != nil {
			return err
		}
	}
	if err := plan.save(n.dir); err != nil {
		return err
	}
	n.plan = plan
	n.nodes = append(n.nodes, n.peerNode(joining.Peer))
	if joining.CA != nil {
		n.nodes = append(n.nodes, n.caNode(*joining.CA))
	}
	return nil
}
