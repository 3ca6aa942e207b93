package fabric

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// NodeStatus is what an operator asks of one node.
type NodeStatus struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// Operations is where the node answers for its health and metrics, on this host only;
	// of orderers, peers and CAs.
	Operations string `json:"operations,omitempty"`
	PID        int    `json:"pid,omitempty"` // 0: down
	// Height is the number of blocks, and Joined whether the channel is known;
	// of orderers and peers.
	Height uint64 `json:"height,omitempty"`
	Joined bool   `json:"joined,omitempty"`
	// Signs tells of an orderer that it has the blocks and has signed the newest of them: it
	// orders along, and does not only fetch what others have ordered. After an absence it is
	// true from the next block on that is ordered with it.
	Signs bool `json:"signs,omitempty"`
	// Chaincode is "name version"; of a peer what it has as committed and
	// installed, of a chaincode process what it serves.
	Chaincode string `json:"chaincode,omitempty"`
	// Left says that the channel does not have the node's organisation: it is not asked how it
	// is, and counts for nothing.
	Left bool `json:"left,omitempty"`
	// Problem says why the node is not well; "" if it is.
	Problem string `json:"problem,omitempty"`
}

// Status asks every member's node how it is. The network is well when no node has a
// Problem. It takes longer, up to stillFor, while a node lacks blocks that others have.
func (n *Network) Status(ctx context.Context) []NodeStatus {
	statuses := n.look(ctx)
	n.tellStill(ctx, statuses)
	return statuses
}

// look asks every node once.
func (n *Network) look(ctx context.Context) []NodeStatus {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	plan := n.planned()
	services := plan.Services
	asks := map[string]func(context.Context, *NodeStatus) error{}
	// A host that a node was moved to may have no administrator's key to ask with.
	for _, o := range plan.Orderers {
		if !n.administersOrderer(o) {
			continue
		}
		asks[o.name()] = func(ctx context.Context, s *NodeStatus) error { return n.askOrderer(ctx, o, s) }
	}
	for _, p := range plan.Peers {
		if !n.administers(p) {
			continue
		}
		asks[p.name()] = func(ctx context.Context, s *NodeStatus) error { return n.askPeer(ctx, p, services, s) }
	}
	for _, service := range services {
		asks[service.name()] = func(_ context.Context, s *NodeStatus) error {
			s.Chaincode = service.Chaincode + " " + service.Version
			return nil
		}
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		_, _ = n.askMembers(ctx) // of a network that is down nobody tells
		n.askOrderers(ctx)
	}()
	nodes := n.Nodes()
	statuses := make([]NodeStatus, len(nodes))
	var group errgroup.Group
	for i, node := range nodes {
		group.Go(func() error {
			s := &statuses[i]
			s.Name, s.Address, s.Operations, s.PID = node.Name(), node.Address(), node.metrics, node.PID()
			if s.PID == 0 {
				s.Problem = "down"
				return nil
			}
			if err := reach(ctx, s.Address); err != nil {
				s.Problem = "does not listen: " + err.Error()
				return nil
			}
			if ask := asks[s.Name]; ask != nil {
				if err := ask(ctx, s); err != nil {
					s.Problem = err.Error()
				}
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in the statuses
	<-told
	n.askSigning(ctx, plan.Orderers, statuses)
	for i, s := range statuses {
		if n.isDeparted(s.Name) {
			statuses[i] = NodeStatus{Name: s.Name, Address: s.Address, Operations: s.Operations, PID: s.PID, Left: true}
		}
	}
	return statuses
}

func (n *Network) askOrderer(ctx context.Context, plan ordererPlan, s *NodeStatus) error {
	client, err := n.participationClient(plan)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	status, answer, err := request(ctx, client, http.MethodGet, "https://"+plan.AdminAddress()+"/participation/v1/channels/"+n.channel, "", nil)
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound:
		return fmt.Errorf("has not joined %s", n.channel)
	case status != http.StatusOK:
		return fmt.Errorf("%d %s", status, answer)
	}
	var channel struct {
		Height uint64 `json:"height"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(answer, &channel); err != nil {
		return err
	}
	s.Joined, s.Height = true, channel.Height
	if channel.Status != "active" {
		return fmt.Errorf("is %s on %s", channel.Status, n.channel)
	}
	return nil
}

func (n *Network) askPeer(ctx context.Context, plan peerPlan, services []servicePlan, s *NodeStatus) error {
	answer, err := n.invokePeer(ctx, plan, "", "cscc", []byte("GetChannels"))
	if err != nil {
		return err
	}
	var joined peer.ChannelQueryResponse
	if err := proto.Unmarshal(answer, &joined); err != nil {
		return err
	}
	if !slices.ContainsFunc(joined.GetChannels(), func(c *peer.ChannelInfo) bool { return c.GetChannelId() == n.channel }) {
		return fmt.Errorf("has not joined %s", n.channel)
	}
	s.Joined = true
	if s.Height, err = n.peerHeight(ctx, plan); err != nil {
		return err
	}
	for _, service := range services {
		if service.MSPID != plan.MSPID || service.Incoming > 0 {
			continue
		}
		definition, err := n.committedOn(ctx, plan, service.Chaincode)
		if err != nil {
			return err
		}
		if definition == nil {
			return fmt.Errorf("has no definition of %s", service.Chaincode)
		}
		s.Chaincode = service.Chaincode + " " + definition.GetVersion()
		query, err := proto.Marshal(&lifecycle.QueryInstalledChaincodeArgs{PackageId: service.PackageID})
		if err != nil {
			return err
		}
		if _, err := n.invokePeer(ctx, plan, "", "_lifecycle", []byte("QueryInstalledChaincode"), query); err != nil {
			return fmt.Errorf("%s is not installed", service.Label)
		}
	}
	return nil
}

// peerHeight is the number of blocks of the channel on a peer.
func (n *Network) peerHeight(ctx context.Context, plan peerPlan) (uint64, error) {
	answer, err := n.invokePeer(ctx, plan, n.channel, "qscc", []byte("GetChainInfo"), []byte(n.channel))
	if err != nil {
		return 0, err
	}
	var info common.BlockchainInfo
	if err := proto.Unmarshal(answer, &info); err != nil {
		return 0, err
	}
	return info.GetHeight(), nil
}
