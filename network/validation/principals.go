package validation

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// SignedBy returns the policy "n of these organisations' identities of that
// role". One signature counts once.
func SignedBy(n int, role msp.MSPRole_MSPRoleType, mspIDs ...string) *common.SignaturePolicyEnvelope {
	envelope := &common.SignaturePolicyEnvelope{}
	rules := make([]*common.SignaturePolicy, 0, len(mspIDs))
	for i, id := range mspIDs {
		// A message of two scalar fields always marshals.
		raw, _ := proto.Marshal(&msp.MSPRole{MspIdentifier: id, Role: role})
		envelope.Identities = append(envelope.Identities, &msp.MSPPrincipal{
			PrincipalClassification: msp.MSPPrincipal_ROLE,
			Principal:               raw,
		})
		rules = append(rules, &common.SignaturePolicy{
			Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)},
		})
	}
	envelope.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
		NOutOf: &common.SignaturePolicy_NOutOf{N: int32(n), Rules: rules},
	}}
	return envelope
}

func signedByMember(mspID string) *common.SignaturePolicyEnvelope {
	return SignedBy(1, msp.MSPRole_MEMBER, mspID)
}
