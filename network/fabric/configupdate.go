package fabric

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// configuration is the channel's configuration as a peer has it.
type configuration = *common.Config

// applicationOf is the part in which the members are.
func applicationOf(c configuration) *common.ConfigGroup {
	return c.GetChannelGroup().GetGroups()["Application"]
}

// channelConfig asks a peer for the channel's configuration.
func (n *Network) channelConfig(ctx context.Context, plan peerPlan) (configuration, error) {
	raw, err := n.invokePeer(ctx, plan, "", "cscc", []byte("GetChannelConfig"), []byte(n.channel))
	if err != nil {
		return nil, err
	}
	config := &common.Config{}
	return config, proto.Unmarshal(raw, config)
}

// organisationDefinition has Fabric's own tools make an organisation's part of the
// configuration: its authorities' certificates, policies and anchor peer. Nothing in it
// is secret.
func (n *Network) organisationDefinition(ctx context.Context, plan peerPlan) (*common.ConfigGroup, error) {
	folder, err := os.MkdirTemp(n.dir, "definition-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	if err := n.renderConfigtx(folder, topology{Peers: []peerPlan{plan}, Orderers: n.plan.Orderers}); err != nil {
		return nil, err
	}
	printed, err := output(ctx, []string{"FABRIC_CFG_PATH=" + folder}, filepath.Join(n.config.Binaries, "configtxgen"), "-printOrg", plan.MSPID)
	if err != nil {
		return nil, err
	}
	// configtxlator knows the inner types of a group only where it stands in a channel.
	type groups = map[string]any
	whole, err := json.Marshal(map[string]any{"channel_group": map[string]any{"groups": groups{"Application": map[string]any{"groups": groups{plan.MSPID: json.RawMessage(printed)}}}}})
	if err != nil {
		return nil, err
	}
	text, binary := filepath.Join(folder, "definition.json"), filepath.Join(folder, "definition.pb")
	if err := os.WriteFile(text, whole, 0o600); err != nil {
		return nil, err
	}
	if err := n.translate(ctx, "proto_encode", "--type", "common.Config", "--input", text, "--output", binary); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	var config common.Config
	if err := proto.Unmarshal(raw, &config); err != nil {
		return nil, err
	}
	return applicationOf(&config).GetGroups()[plan.MSPID], nil
}

func (n *Network) translate(ctx context.Context, args ...string) error {
	return run(ctx, nil, filepath.Join(n.config.Binaries, "configtxlator"), args...)
}

// updateConfig changes the channel's configuration with the signatures of all members'
// administrators that are here, which must be a majority, and hands the update to an
// orderer, the one of that number first. It returns once that has taken it.
func (n *Network) updateConfig(ctx context.Context, current configuration, first int, change func(configuration)) error {
	wanted := proto.Clone(current).(*common.Config)
	change(wanted)
	update, err := n.computeUpdate(ctx, current, wanted)
	if err != nil {
		return err
	}
	var signers []signer
	for _, plan := range n.inChannel() {
		admin, err := n.administrator(plan)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		signers = append(signers, admin)
	}
	if members := len(applicationOf(current).GetGroups()); len(signers) < members/2+1 {
		return fmt.Errorf("the keys of %d of %d administrators are in this folder, a majority must sign: see docs/operations.md for organisations that keep their own", len(signers), members)
	}
	envelope, err := configEnvelope(n.channel, update, signers)
	if err != nil {
		return err
	}
	var failed []error
	for i := range n.plan.Orderers {
		plan := n.plan.Orderers[(first+i)%len(n.plan.Orderers)]
		err := n.broadcast(ctx, plan, envelope)
		if err == nil {
			return nil
		}
		failed = append(failed, err)
	}
	if err := errors.Join(failed...); errors.Is(err, errNotTaken) {
		return err
	}
	return fmt.Errorf("%w: %w", errAway, errors.Join(failed...))
}

// Why an update is not ordered: orderers have judged it, or none could, as while they change their leader.
var (
	errNotTaken = errors.New("refused") // verb of a sentence
	errAway     = errors.New("no orderer takes an update now")
)

// computeUpdate has configtxlator tell what differs.
func (n *Network) computeUpdate(ctx context.Context, current, wanted configuration) ([]byte, error) {
	folder, err := os.MkdirTemp(n.dir, "update-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	for name, config := range map[string]configuration{"current.pb": current, "wanted.pb": wanted} {
		raw, err := proto.Marshal(config)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(folder, name), raw, 0o600); err != nil {
			return nil, err
		}
	}
	update := filepath.Join(folder, "update.pb")
	err = n.translate(ctx, "compute_update", "--channel_id", n.channel,
		"--original", filepath.Join(folder, "current.pb"), "--updated", filepath.Join(folder, "wanted.pb"), "--output", update)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(update)
}

// configEnvelope is the update with the signatures of all, sent by the first: what
// "peer channel signconfigtx" and "peer channel update" make.
func configEnvelope(channel string, update []byte, signers []signer) (*common.Envelope, error) {
	signed := &common.ConfigUpdateEnvelope{ConfigUpdate: update}
	for _, s := range signers {
		header, err := s.signatureHeader()
		if err != nil {
			return nil, err
		}
		signature, err := s.sign(hash.SHA256(append(append([]byte{}, header...), update...)))
		if err != nil {
			return nil, err
		}
		signed.Signatures = append(signed.Signatures, &common.ConfigSignature{SignatureHeader: header, Signature: signature})
	}
	data, err := proto.Marshal(signed)
	if err != nil {
		return nil, err
	}
	return signers[0].envelope(common.HeaderType_CONFIG_UPDATE, channel, data)
}

// envelope is what orderers are handed.
func (s signer) envelope(kind common.HeaderType, channel string, data []byte) (*common.Envelope, error) {
	channelHeader, err := proto.Marshal(&common.ChannelHeader{Type: int32(kind), ChannelId: channel, Timestamp: timestamppb.Now()})
	if err != nil {
		return nil, err
	}
	header, err := s.signatureHeader()
	if err != nil {
		return nil, err
	}
	payload, err := proto.Marshal(&common.Payload{Header: &common.Header{ChannelHeader: channelHeader, SignatureHeader: header}, Data: data})
	if err != nil {
		return nil, err
	}
	signature, err := s.sign(hash.SHA256(payload))
	return &common.Envelope{Payload: payload, Signature: signature}, err
}

func (s signer) signatureHeader() ([]byte, error) {
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: s.id.MspID(), IdBytes: s.id.Credentials()})
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return proto.Marshal(&common.SignatureHeader{Creator: creator, Nonce: nonce})
}

// broadcast hands an envelope to one orderer.
func (n *Network) broadcast(ctx context.Context, plan ordererPlan, envelope *common.Envelope) error {
	roots, err := rootsIn(n.orderingFolder(plan, "tlsca"))
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(plan.Address(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})))
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := orderer.NewAtomicBroadcastClient(conn).Broadcast(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", plan.name(), err)
	}
	if err := stream.Send(envelope); err != nil {
		return fmt.Errorf("%s: %w", plan.name(), err)
	}
	answer, err := stream.Recv()
	if err != nil {
		return fmt.Errorf("%s: %w", plan.name(), err)
	}
	switch answer.GetStatus() {
	case common.Status_SUCCESS:
		return stream.CloseSend()
	case common.Status_SERVICE_UNAVAILABLE:
		return fmt.Errorf("%s: %s %s", plan.name(), answer.GetStatus(), answer.GetInfo())
	}
	return fmt.Errorf("%s %w the update: %s %s", plan.name(), errNotTaken, answer.GetStatus(), answer.GetInfo())
}
