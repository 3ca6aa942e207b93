package fabric

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// invokePeer asks one peer to run a system chaincode function. It is for what
// the gateway does not offer: joining a channel and installing chaincode, which
// concern a peer and not a channel (channel is empty then).
func (n *Network) invokePeer(ctx context.Context, plan peerPlan, channel, chaincode string, args ...[]byte) ([]byte, error) {
	admin, err := n.administrator(plan)
	if err != nil {
		return nil, err
	}
	conn, err := n.Conn(plan.MSPID)
	if err != nil {
		return nil, err
	}
	signed, err := admin.propose(channel, chaincode, args)
	if err != nil {
		return nil, err
	}
	answer, err := peer.NewEndorserClient(conn).ProcessProposal(ctx, signed)
	if err != nil {
		return nil, fmt.Errorf("%s on the peer of %s: %w", chaincode, plan.MSPID, err)
	}
	if status := answer.GetResponse().GetStatus(); status != 200 {
		return nil, fmt.Errorf("%s on the peer of %s: status %d: %s", chaincode, plan.MSPID, status, answer.GetResponse().GetMessage())
	}
	return answer.GetResponse().GetPayload(), nil
}

// propose makes a signed proposal; the transaction id is
// hex(SHA-256(nonce ‖ creator)).
func (s signer) propose(channel, chaincode string, args [][]byte) (*peer.SignedProposal, error) {
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: s.id.MspID(), IdBytes: s.id.Credentials()})
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	id := sha256.Sum256(append(append([]byte{}, nonce...), creator...))
	extension, err := proto.Marshal(&peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: chaincode}})
	if err != nil {
		return nil, err
	}
	channelHeader, err := proto.Marshal(&common.ChannelHeader{
		Type:      int32(common.HeaderType_ENDORSER_TRANSACTION),
		ChannelId: channel,
		TxId:      hex.EncodeToString(id[:]),
		Timestamp: timestamppb.Now(),
		Extension: extension,
	})
	if err != nil {
		return nil, err
	}
	signatureHeader, err := proto.Marshal(&common.SignatureHeader{Creator: creator, Nonce: nonce})
	if err != nil {
		return nil, err
	}
	header, err := proto.Marshal(&common.Header{ChannelHeader: channelHeader, SignatureHeader: signatureHeader})
	if err != nil {
		return nil, err
	}
	invocation, err := proto.Marshal(&peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{
		ChaincodeId: &peer.ChaincodeID{Name: chaincode},
		Input:       &peer.ChaincodeInput{Args: args},
	}})
	if err != nil {
		return nil, err
	}
	payload, err := proto.Marshal(&peer.ChaincodeProposalPayload{Input: invocation})
	if err != nil {
		return nil, err
	}
	proposal, err := proto.Marshal(&peer.Proposal{Header: header, Payload: payload})
	if err != nil {
		return nil, err
	}
	signature, err := s.sign(hash.SHA256(proposal))
	if err != nil {
		return nil, err
	}
	return &peer.SignedProposal{ProposalBytes: proposal, Signature: signature}, nil
}
