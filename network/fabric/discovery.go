package fabric

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/discovery"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// pollEndorsers is how often a peer is asked whom it knows.
const pollEndorsers = 100 * time.Millisecond

// awaitEndorsers waits until every member's peer has heard from every other one that it
// can run the chaincode. That is what the gateways plan endorsements by; before
// it they answer "no combination of peers can be derived".
func (n *Network) awaitEndorsers(ctx context.Context, chaincode string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, plan := range n.inChannel() {
		group.Go(func() error {
			return poll(ctx, pollEndorsers, func() (bool, error) {
				members, err := n.endorsers(ctx, plan, chaincode)
				if err != nil {
					return false, err
				}
				for _, msp := range n.membersHere() {
					if len(members[msp].GetPeers()) == 0 {
						return false, fmt.Errorf("the peer of %s has not heard that the peer of %s runs %s", plan.MSPID, msp, chaincode)
					}
				}
				return true, nil
			})
		})
	}
	return group.Wait()
}

// endorsers asks a peer which peers, by organisation, it sees that can run the chaincode, or
// all for "".
func (n *Network) endorsers(ctx context.Context, plan peerPlan, chaincode string) (map[string]*discovery.Peers, error) {
	admin, err := n.administrator(plan)
	if err != nil {
		return nil, err
	}
	// The discovery service, unlike the gateway, ties each request to the
	// client's TLS certificate, so the shared connection does not do.
	folder := n.organisationFolder(plan, "users/Admin@"+plan.Domain+"/tls")
	certificate, err := tls.LoadX509KeyPair(filepath.Join(folder, "client.crt"), filepath.Join(folder, "client.key"))
	if err != nil {
		return nil, err
	}
	conn, err := n.dial(plan, certificate)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: admin.id.MspID(), IdBytes: admin.id.Credentials()})
	if err != nil {
		return nil, err
	}
	tlsHash := sha256.Sum256(certificate.Certificate[0])
	query := &discovery.PeerMembershipQuery{}
	if chaincode != "" {
		query.Filter = &peer.ChaincodeInterest{Chaincodes: []*peer.ChaincodeCall{{Name: chaincode}}}
	}
	payload, err := proto.Marshal(&discovery.Request{
		Authentication: &discovery.AuthInfo{ClientIdentity: creator, ClientTlsCertHash: tlsHash[:]},
		Queries: []*discovery.Query{{
			Channel: n.channel,
			Query:   &discovery.Query_PeerQuery{PeerQuery: query},
		}},
	})
	if err != nil {
		return nil, err
	}
	signature, err := admin.sign(hash.SHA256(payload))
	if err != nil {
		return nil, err
	}
	answer, err := discovery.NewDiscoveryClient(conn).Discover(ctx, &discovery.SignedRequest{Payload: payload, Signature: signature})
	if err != nil {
		return nil, err
	}
	if len(answer.GetResults()) != 1 {
		return nil, fmt.Errorf("the peer of %s gave %d answers to one question", plan.MSPID, len(answer.GetResults()))
	}
	result := answer.GetResults()[0]
	if said := result.GetError(); said != nil {
		return nil, fmt.Errorf("the peer of %s: %s", plan.MSPID, said.GetContent())
	}
	return result.GetMembers().GetPeersByOrg(), nil
}
