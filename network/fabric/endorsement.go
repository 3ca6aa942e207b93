package fabric

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Majority is the policy "most of these organisations, by a peer of theirs", as a signature
// policy. It asks for what the channel's ImplicitMeta rule "MAJORITY Endorsement" asks for,
// at a third of its price: for each of its organisations Fabric 3.1 checks all endorsements'
// signatures of that rule anew (common/policies, ImplicitMetaPolicy.EvaluateSignedData), and
// once for a signature policy. It knows only the organisations it was written for.
func Majority(mspIDs []string) string {
	peers := make([]string, len(mspIDs))
	for i, id := range mspIDs {
		peers[i] = "'" + id + ".peer'"
	}
	return fmt.Sprintf("OutOf(%d, %s)", len(mspIDs)/2+1, strings.Join(peers, ", "))
}

// follows tells whether a definition's policy is one that follows the membership: Majority
// of organisations that are or were members here, or the channel's own. Any other was
// chosen by somebody, or knows organisations that this folder does not.
func follows(validation []byte, known []string) bool {
	var policy peer.ApplicationPolicy
	if proto.Unmarshal(validation, &policy) != nil {
		return false
	}
	if policy.GetChannelConfigPolicyReference() == channelEndorsement {
		return true
	}
	var members []string
	for _, principal := range policy.GetSignaturePolicy().GetIdentities() {
		var role msp.MSPRole
		if proto.Unmarshal(principal.GetPrincipal(), &role) != nil || !slices.Contains(known, role.GetMspIdentifier()) {
			return false
		}
		members = append(members, role.GetMspIdentifier())
	}
	majority, err := endorsement(Majority(members))
	return err == nil && len(members) > 0 && bytes.Equal(majority, validation)
}

// channelEndorsement is the channel's policy for chaincode that names none of its own.
const channelEndorsement = "/Channel/Application/Endorsement"

// endorsement is the validation parameter of a definition with this policy; the channel's
// for "".
func endorsement(policy string) ([]byte, error) {
	parsed, err := applicationPolicy(policy, "")
	if policy == "" {
		parsed, err = applicationPolicy("", channelEndorsement)
	}
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(parsed)
}

// renewPolicy makes a definition the next sequence with another policy, if that may be.
func (n *Network) renewPolicy(d *definition, policy string) error {
	validation, err := n.duePolicy(*d, policy)
	if err != nil || validation == nil {
		return err
	}
	n.logger.Info("the endorsement policy changes", "chaincode", d.name, "to", policy)
	d.validation = validation
	d.sequence++
	return nil
}

// duePolicy is the policy that a definition should have instead of its own, nil for none.
func (n *Network) duePolicy(d definition, policy string) ([]byte, error) {
	if policy == "" {
		return nil, nil
	}
	validation, err := endorsement(policy)
	if err != nil || bytes.Equal(validation, d.validation) {
		return nil, err
	}
	n.mu.Lock()
	known := append(n.plan.members(), n.plan.Left...)
	n.mu.Unlock()
	_, upgrading := n.service(func(s servicePlan) bool { return s.Chaincode == d.name && s.Incoming > 0 })
	switch {
	case upgrading:
		n.logger.Warn("an upgrade is half way: the endorsement policy is left as it is until that is finished", "chaincode", d.name)
	case !follows(d.validation, known):
		n.logger.Warn("the endorsement policy on the channel is another than most of the members here, and is left alone", "chaincode", d.name, "most", policy)
	default:
		return validation, nil
	}
	return nil, nil
}
