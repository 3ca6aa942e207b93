package embedded

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// consenterID is the number under which the one orderer signs blocks.
const consenterID = 1

// genesisBlock returns block 0: the channel's configuration, laid out as
// configtxgen would, so that whoever holds it can check every later block.
func genesisBlock(cfg Config, members []*organisationKeys, orderers *organisationKeys) (*common.Block, error) {
	c := &configWriter{}
	channel := c.channelGroup(cfg, members, orderers)
	now := timestamppb.New(cfg.Now().Truncate(time.Second))
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	header := &common.Header{
		ChannelHeader: c.marshal(&common.ChannelHeader{
			Type:      int32(common.HeaderType_CONFIG),
			Version:   1,
			Timestamp: now,
			ChannelId: cfg.Channel,
			TxId:      block.TransactionID(nonce, nil),
		}),
		SignatureHeader: c.marshal(&common.SignatureHeader{Nonce: nonce}),
	}
	payload := c.marshal(&common.Payload{
		Header: header,
		Data:   c.marshal(&common.ConfigEnvelope{Config: &common.Config{ChannelGroup: channel}}),
	})
	envelope := c.marshal(&common.Envelope{Payload: payload})
	if c.err != nil {
		return nil, fmt.Errorf("channel configuration: %w", c.err)
	}
	b := block.New(0, nil, [][]byte{envelope})
	block.SetFlags(b, []peer.TxValidationCode{peer.TxValidationCode_VALID})
	return b, nil
}

// configWriter builds configuration groups and keeps the first error.
type configWriter struct{ err error }

func (c *configWriter) marshal(m proto.Message) []byte {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil && c.err == nil {
		c.err = err
	}
	return raw
}

func (c *configWriter) group() *common.ConfigGroup {
	return &common.ConfigGroup{
		Groups:    map[string]*common.ConfigGroup{},
		Values:    map[string]*common.ConfigValue{},
		Policies:  map[string]*common.ConfigPolicy{},
		ModPolicy: "Admins",
	}
}

func (c *configWriter) value(g *common.ConfigGroup, name string, m proto.Message) {
	g.Values[name] = &common.ConfigValue{Value: c.marshal(m), ModPolicy: "Admins"}
}

func (c *configWriter) signature(g *common.ConfigGroup, name string, p *common.SignaturePolicyEnvelope) {
	g.Policies[name] = &common.ConfigPolicy{ModPolicy: "Admins", Policy: &common.Policy{
		Type:  int32(common.Policy_SIGNATURE),
		Value: c.marshal(p),
	}}
}

func (c *configWriter) meta(g *common.ConfigGroup, name, sub string, rule common.ImplicitMetaPolicy_Rule) {
	g.Policies[name] = &common.ConfigPolicy{ModPolicy: "Admins", Policy: &common.Policy{
		Type:  int32(common.Policy_IMPLICIT_META),
		Value: c.marshal(&common.ImplicitMetaPolicy{SubPolicy: sub, Rule: rule}),
	}}
}

func (c *configWriter) metaDefaults(g *common.ConfigGroup) {
	c.meta(g, "Readers", "Readers", common.ImplicitMetaPolicy_ANY)
	c.meta(g, "Writers", "Writers", common.ImplicitMetaPolicy_ANY)
	c.meta(g, "Admins", "Admins", common.ImplicitMetaPolicy_MAJORITY)
}

func (c *configWriter) capabilities(g *common.ConfigGroup, level string) {
	c.value(g, "Capabilities", &common.Capabilities{Capabilities: map[string]*common.Capability{level: {}}})
}

func (c *configWriter) channelGroup(cfg Config, members []*organisationKeys, orderers *organisationKeys) *common.ConfigGroup {
	root := c.group()
	c.metaDefaults(root)
	c.capabilities(root, "V3_0")
	c.value(root, "HashingAlgorithm", &common.HashingAlgorithm{Name: "SHA256"})
	c.value(root, "BlockDataHashingStructure", &common.BlockDataHashingStructure{Width: ^uint32(0)})
	root.Groups["Application"] = c.applicationGroup(members)
	root.Groups["Orderer"] = c.ordererGroup(cfg, orderers)
	return root
}

func (c *configWriter) applicationGroup(members []*organisationKeys) *common.ConfigGroup {
	g := c.group()
	c.metaDefaults(g)
	c.meta(g, "Endorsement", "Endorsement", common.ImplicitMetaPolicy_MAJORITY)
	c.meta(g, "LifecycleEndorsement", "Endorsement", common.ImplicitMetaPolicy_MAJORITY)
	c.capabilities(g, "V2_5")
	for _, o := range members {
		org := c.organisation(o)
		c.signature(org, "Endorsement", validation.SignedBy(1, msp.MSPRole_PEER, o.MSPID))
		g.Groups[o.MSPID] = org
	}
	return g
}

func (c *configWriter) ordererGroup(cfg Config, orderers *organisationKeys) *common.ConfigGroup {
	g := c.group()
	c.metaDefaults(g)
	c.capabilities(g, "V2_0")
	c.value(g, "Orderers", &common.Orderers{ConsenterMapping: []*common.Consenter{{
		Id:       consenterID,
		Host:     "orderer0." + domain(ordererMSP),
		Port:     7050,
		MspId:    ordererMSP,
		Identity: []byte(orderers.Node.Certificate),
	}}})
	c.value(g, "ConsensusType", &orderer.ConsensusType{Type: "BFT"})
	c.value(g, "BatchSize", &orderer.BatchSize{
		MaxMessageCount:   uint32(cfg.Batch.MaxMessages),
		AbsoluteMaxBytes:  uint32(cfg.Batch.AbsoluteMaxBytes),
		PreferredMaxBytes: uint32(cfg.Batch.MaxBytes),
	})
	c.value(g, "BatchTimeout", &orderer.BatchTimeout{Timeout: cfg.Batch.MaxLinger.String()})
	serialized, err := validation.Serialize(ordererMSP, []byte(orderers.Node.Certificate))
	if err != nil && c.err == nil {
		c.err = err
	}
	c.signature(g, "BlockValidation", &common.SignaturePolicyEnvelope{
		Rule: &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: 0}},
		Identities: []*msp.MSPPrincipal{{
			PrincipalClassification: msp.MSPPrincipal_IDENTITY,
			Principal:               serialized,
		}},
	})
	g.Groups[ordererMSP] = c.organisation(orderers)
	return g
}

// organisation describes a member: whom its CA vouches for, and who may read,
// write and administer in its name.
func (c *configWriter) organisation(o *organisationKeys) *common.ConfigGroup {
	g := c.group()
	ca := []byte(o.CA.Certificate)
	ou := func(role string) *msp.FabricOUIdentifier {
		return &msp.FabricOUIdentifier{Certificate: ca, OrganizationalUnitIdentifier: role}
	}
	c.value(g, "MSP", &msp.MSPConfig{Config: c.marshal(&msp.FabricMSPConfig{
		Name:      o.MSPID,
		RootCerts: [][]byte{ca},
		CryptoConfig: &msp.FabricCryptoConfig{
			SignatureHashFamily:            "SHA2",
			IdentityIdentifierHashFunction: "SHA256",
		},
		FabricNodeOus: &msp.FabricNodeOUs{
			Enable:              true,
			ClientOuIdentifier:  ou("client"),
			PeerOuIdentifier:    ou("peer"),
			AdminOuIdentifier:   ou("admin"),
			OrdererOuIdentifier: ou("orderer"),
		},
	})})
	anyOf := func(roles ...msp.MSPRole_MSPRoleType) *common.SignaturePolicyEnvelope {
		p := &common.SignaturePolicyEnvelope{}
		out := &common.SignaturePolicy_NOutOf{N: 1}
		for i, role := range roles {
			p.Identities = append(p.Identities, &msp.MSPPrincipal{
				PrincipalClassification: msp.MSPPrincipal_ROLE,
				Principal:               c.marshal(&msp.MSPRole{MspIdentifier: o.MSPID, Role: role}),
			})
			out.Rules = append(out.Rules, &common.SignaturePolicy{
				Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)},
			})
		}
		p.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: out}}
		return p
	}
	if o.MSPID == ordererMSP {
		c.signature(g, "Readers", anyOf(msp.MSPRole_MEMBER))
		c.signature(g, "Writers", anyOf(msp.MSPRole_MEMBER))
	} else {
		c.signature(g, "Readers", anyOf(msp.MSPRole_ADMIN, msp.MSPRole_PEER, msp.MSPRole_CLIENT))
		c.signature(g, "Writers", anyOf(msp.MSPRole_ADMIN, msp.MSPRole_CLIENT))
	}
	c.signature(g, "Admins", anyOf(msp.MSPRole_ADMIN))
	return g
}
