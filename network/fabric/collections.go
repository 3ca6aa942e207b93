package fabric

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// collection is one entry of a collections file, in the form that Fabric's
// peer command reads.
type collection struct {
	Name              string `json:"name"`
	Policy            string `json:"policy"` // who may hold the data, e.g. OR('LabMSP.member')
	RequiredPeerCount int32  `json:"requiredPeerCount"`
	MaxPeerCount      int32  `json:"maxPeerCount"`
	BlockToLive       uint64 `json:"blockToLive"` // 0: for ever
	MemberOnlyRead    bool   `json:"memberOnlyRead"`
	MemberOnlyWrite   bool   `json:"memberOnlyWrite"`
	EndorsementPolicy *struct {
		SignaturePolicy     string `json:"signaturePolicy"`
		ChannelConfigPolicy string `json:"channelConfigPolicy"`
	} `json:"endorsementPolicy"`
}

// parseCollections turns a collections file into what chaincode definitions
// hold; no content means no collections.
func parseCollections(content []byte) (*peer.CollectionConfigPackage, error) {
	if len(content) == 0 {
		return nil, nil
	}
	var collections []collection
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&collections); err != nil {
		return nil, fmt.Errorf("collections: %w", err)
	}
	packed := &peer.CollectionConfigPackage{}
	for _, c := range collections {
		members, err := ParsePolicy(c.Policy)
		if err != nil {
			return nil, fmt.Errorf("collection %q: %w", c.Name, err)
		}
		config := &peer.StaticCollectionConfig{
			Name: c.Name,
			MemberOrgsPolicy: &peer.CollectionPolicyConfig{
				Payload: &peer.CollectionPolicyConfig_SignaturePolicy{SignaturePolicy: members},
			},
			RequiredPeerCount: c.RequiredPeerCount,
			MaximumPeerCount:  c.MaxPeerCount,
			BlockToLive:       c.BlockToLive,
			MemberOnlyRead:    c.MemberOnlyRead,
			MemberOnlyWrite:   c.MemberOnlyWrite,
		}
		if own := c.EndorsementPolicy; own != nil {
			if config.EndorsementPolicy, err = applicationPolicy(own.SignaturePolicy, own.ChannelConfigPolicy); err != nil {
				return nil, fmt.Errorf("collection %q: %w", c.Name, err)
			}
		}
		packed.Config = append(packed.Config, &peer.CollectionConfig{
			Payload: &peer.CollectionConfig_StaticCollectionConfig{StaticCollectionConfig: config},
		})
	}
	return packed, nil
}

// applicationPolicy is either a signature policy or the name of a policy of
// the channel's configuration.
func applicationPolicy(signature, channelConfig string) (*peer.ApplicationPolicy, error) {
	switch {
	case signature != "" && channelConfig != "":
		return nil, fmt.Errorf("both a signature policy (%s) and a channel policy (%s) are given; one is wanted", signature, channelConfig)
	case signature != "":
		rule, err := ParsePolicy(signature)
		if err != nil {
			return nil, err
		}
		return signaturePolicy(rule), nil
	case channelConfig != "":
		return &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{
			ChannelConfigPolicyReference: channelConfig,
		}}, nil
	}
	return nil, fmt.Errorf("an endorsement policy without content")
}

func signaturePolicy(rule *common.SignaturePolicyEnvelope) *peer.ApplicationPolicy {
	return &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{SignaturePolicy: rule}}
}
