package fabric

import (
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

func TestParsePolicy(t *testing.T) {
	policy, err := ParsePolicy("OutOf(2, 'LabMSP.peer', AND('CarrierMSP.client', \"LabMSP.peer\"), or('ProducerMSP.member'))")
	require.NoError(t, err)
	var principals []string
	for _, identity := range policy.GetIdentities() {
		require.Equal(t, msp.MSPPrincipal_ROLE, identity.GetPrincipalClassification())
		var role msp.MSPRole
		require.NoError(t, proto.Unmarshal(identity.GetPrincipal(), &role))
		principals = append(principals, role.GetMspIdentifier()+"."+role.GetRole().String())
	}
	require.Equal(t, []string{"LabMSP.PEER", "CarrierMSP.CLIENT", "ProducerMSP.MEMBER"}, principals)
	by := func(i int32) *common.SignaturePolicy {
		return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: i}}
	}
	of := func(n int32, rules ...*common.SignaturePolicy) *common.SignaturePolicy {
		return &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{N: n, Rules: rules}}}
	}
	require.True(t, proto.Equal(of(2, by(0), of(2, by(1), by(0)), of(1, by(2))), policy.GetRule()), "%v", policy.GetRule())
}

func TestParsePolicyRefuses(t *testing.T) {
	for text, said := range map[string]string{
		"":                          "neither a principal in quotes nor",
		"'LabMSP.peer' x":           `"x" is left over`,
		"'LabMSP.peer":              "no closing quote",
		"'LabMSP'":                  "is not <MSP id>.<role>",
		"'LabMSP.king'":             `no role "king"`,
		"XOR('LabMSP.peer')":        `"xor" is not a gate`,
		"OR('LabMSP.peer'":          "comma or closing bracket",
		"OR('LabMSP.peer' 'B.peer'": "comma or closing bracket",
		"OutOf(3, 'LabMSP.peer')":   "OutOf needs 3 of only 1",
		"OutOf(0, 'LabMSP.peer')":   "at least 1",
		"OutOf('LabMSP.peer')":      "at least 1",
		"AND()":                     "neither a principal",
	} {
		_, err := ParsePolicy(text)
		require.ErrorContains(t, err, said, text)
		require.ErrorContains(t, err, "policy ", text)
	}
	_, err := ParsePolicy(strings.Repeat("OR(", 100_000))
	require.ErrorContains(t, err, "nested more than 32 deep")
}

// FuzzParsePolicy: any text is either refused or gives a policy whose rules
// name existing principals only.
func FuzzParsePolicy(f *testing.F) {
	f.Add("OutOf(2, 'LabMSP.peer', AND('CarrierMSP.client', \"LabMSP.peer\"), or('ProducerMSP.member'))")
	f.Add("OR('A.admin'")
	f.Fuzz(func(t *testing.T, text string) {
		policy, err := ParsePolicy(text)
		if err != nil {
			return
		}
		var check func(rule *common.SignaturePolicy)
		check = func(rule *common.SignaturePolicy) {
			if gate := rule.GetNOutOf(); gate != nil {
				require.LessOrEqual(t, int(gate.GetN()), len(gate.GetRules()))
				require.Positive(t, gate.GetN())
				for _, inner := range gate.GetRules() {
					check(inner)
				}
				return
			}
			require.Less(t, int(rule.GetSignedBy()), len(policy.GetIdentities()))
		}
		check(policy.GetRule())
	})
}

func TestMajority(t *testing.T) {
	for organisations, text := range map[string]string{
		"A":         "OutOf(1, 'A.peer')",
		"A B":       "OutOf(2, 'A.peer', 'B.peer')",
		"A B C":     "OutOf(2, 'A.peer', 'B.peer', 'C.peer')",
		"A B C D":   "OutOf(3, 'A.peer', 'B.peer', 'C.peer', 'D.peer')",
		"A B C D E": "OutOf(3, 'A.peer', 'B.peer', 'C.peer', 'D.peer', 'E.peer')",
	} {
		require.Equal(t, text, Majority(strings.Fields(organisations)))
		policy, err := ParsePolicy(text)
		require.NoError(t, err)
		require.Len(t, policy.GetIdentities(), len(strings.Fields(organisations)))
	}
}

func TestPolicyThatFollowsTheMembership(t *testing.T) {
	known := []string{"A", "B", "C", "D", "E"}
	for policy, want := range map[string]bool{
		"": true, // the channel's
		"OutOf(3, 'A.peer', 'B.peer', 'C.peer', 'D.peer', 'E.peer')":           true,
		"OutOf(2, 'A.peer', 'C.peer')":                                         true,
		"OutOf(4, 'A.peer', 'B.peer', 'C.peer', 'D.peer', 'E.peer')":           false, // more than a majority
		"OutOf(3, 'A.peer', 'B.member', 'C.peer', 'D.peer', 'E.peer')":         false,
		"OutOf(4, 'A.peer', 'B.peer', 'C.peer', 'D.peer', 'E.peer', 'X.peer')": false, // X joined elsewhere
		"AND('A.peer', OutOf(2, 'B.peer', 'C.peer'))":                          false,
	} {
		validation, err := endorsement(policy)
		require.NoError(t, err)
		require.Equal(t, want, follows(validation, known), policy)
	}
	other, err := proto.Marshal(&peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{ChannelConfigPolicyReference: "/Channel/Application/Ours"}})
	require.NoError(t, err)
	require.False(t, follows(other, known))
	require.False(t, follows([]byte("?"), known))
	require.False(t, follows(nil, known))
}

func TestParseCollections(t *testing.T) {
	packed, err := parseCollections([]byte(`[{"name":"pair","policy":"OR('LabMSP.member')","requiredPeerCount":1,"maxPeerCount":2,
		"blockToLive":3,"memberOnlyRead":true,"memberOnlyWrite":true,"endorsementPolicy":{"channelConfigPolicy":"Endorsement"}}]`))
	require.NoError(t, err)
	require.Len(t, packed.GetConfig(), 1)
	c := packed.GetConfig()[0].GetStaticCollectionConfig()
	require.Equal(t, "pair", c.GetName())
	require.EqualValues(t, 1, c.GetRequiredPeerCount())
	require.EqualValues(t, 2, c.GetMaximumPeerCount())
	require.EqualValues(t, 3, c.GetBlockToLive())
	require.True(t, c.GetMemberOnlyRead())
	require.True(t, c.GetMemberOnlyWrite())
	require.Equal(t, "Endorsement", c.GetEndorsementPolicy().GetChannelConfigPolicyReference())

	none, err := parseCollections(nil)
	require.NoError(t, err)
	require.Nil(t, none)
	for text, said := range map[string]string{
		`[{"name":"pair","polcy":""}]`: `unknown field "polcy"`,
		`[{"name":"pair"}]`:            `collection "pair": policy ""`,
		`[{"name":"pair","policy":"OR('LabMSP.member')","endorsementPolicy":{}}]`:                                                           "without content",
		`[{"name":"pair","policy":"OR('LabMSP.member')","endorsementPolicy":{"signaturePolicy":"OR('A.peer')","channelConfigPolicy":"E"}}]`: "one is wanted",
	} {
		_, err := parseCollections([]byte(text))
		require.ErrorContains(t, err, said)
	}
}
