package conformance

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/network/conformance/chaincode"
)

// testTampered covers what peers find wrong with transactions that a member of
// the channel signed: orderers take any envelope that a member signs, so each
// of these ends up in a block, invalid. (Two kinds are left out because Fabric
// 3.1.1 does not survive them: a transaction without an action crashes its
// peers, and one of a type other than ENDORSER_TRANSACTION stops BFT ordering.)
func testTampered(t *testing.T, s *suite) {
	m := s.members[producer]
	for _, c := range []struct {
		name string
		orgs []string
		do   func(t *testing.T, p *transactionParts)
		want peer.TxValidationCode
	}{
		{"Untouched", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {}, peer.TxValidationCode_VALID},
		{"EndorsementDropped", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.endorsements = p.endorsements[:2]
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"SpareEndorsementDropped", organisations, func(t *testing.T, p *transactionParts) {
			p.endorsements = p.endorsements[2:]
		}, peer.TxValidationCode_VALID},
		{"NoEndorsements", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.endorsements = nil
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"OneEndorserThreeTimes", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.endorsements = []*peer.Endorsement{p.endorsements[0], p.endorsements[0], p.endorsements[0]}
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"RepeatedEndorsementBesideEnough", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.endorsements = append(p.endorsements, p.endorsements[0])
		}, peer.TxValidationCode_VALID},
		{"EndorsementSignatureMutated", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			signature := p.endorsements[1].GetSignature()
			signature[len(signature)-1] ^= 1
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"BadEndorsementBesideEnough", organisations, func(t *testing.T, p *transactionParts) {
			signature := p.endorsements[1].GetSignature()
			signature[len(signature)-1] ^= 1
		}, peer.TxValidationCode_VALID},
		{"EndorsedByClients", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			response := marshal(t, p.response)
			for i, org := range []string{producer, lab, carrier} {
				endorser := s.members[org].serialized(t)
				p.endorsements[i] = &peer.Endorsement{
					Endorser:  endorser,
					Signature: s.members[org].signed(t, append(append([]byte{}, response...), endorser...)),
				}
			}
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"EndorserUnknown", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.endorsements[0].Endorser = []byte("nobody")
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"ResultChanged", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			changeAction(t, p, func(action *peer.ChaincodeAction) { action.Response.Payload = []byte("other") })
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"ResponseStatusChanged", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			changeAction(t, p, func(action *peer.ChaincodeAction) { action.Response.Status = 500 })
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"WritesRemoved", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			changeAction(t, p, func(action *peer.ChaincodeAction) { action.Results = nil })
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"WritesGarbled", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			changeAction(t, p, func(action *peer.ChaincodeAction) { action.Results = []byte{0xff, 0xff} })
		}, peer.TxValidationCode_BAD_RWSET},
		{"EventOfAnotherTransaction", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			changeAction(t, p, func(action *peer.ChaincodeAction) {
				action.Events = marshal(t, &peer.ChaincodeEvent{ChaincodeId: Chaincode, TxId: "other", EventName: "e"})
			})
		}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"EventOfAnotherChaincode", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			changeAction(t, p, func(action *peer.ChaincodeAction) {
				action.Events = marshal(t, &peer.ChaincodeEvent{ChaincodeId: "other", TxId: p.id, EventName: "e"})
			})
		}, peer.TxValidationCode_INVALID_OTHER_REASON},
		{"ProposalHashChanged", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.response.ProposalHash[0] ^= 1
		}, peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION},
		{"ArgumentsChanged", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.proposalPayload = marshal(t, &peer.ChaincodeProposalPayload{Input: []byte("other")})
		}, peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION},
		{"TimeChanged", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.channelHeader.Timestamp.Seconds++
		}, peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION},
		{"IdChanged", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.channelHeader.TxId = "00" + p.channelHeader.GetTxId()
			p.id = p.channelHeader.GetTxId()
		}, peer.TxValidationCode_BAD_PROPOSAL_TXID},
		{"InnerNonceMissing", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.actionHeader.Nonce = nil
		}, peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION},
		{"InnerNonceChanged", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.actionHeader.Nonce[0] ^= 1
		}, peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION},
		{"EpochSet", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.channelHeader.Epoch = 1
		}, peer.TxValidationCode_BAD_COMMON_HEADER},
		{"OtherChaincodeInTheHeader", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.channelHeader.Extension = marshal(t, &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: "other"}})
		}, peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION},
		{"NoChaincodeInTheHeader", []string{producer, lab, carrier}, func(t *testing.T, p *transactionParts) {
			p.channelHeader.Extension = nil
		}, peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := s.prefix() + "a"
			event := chaincode.Step{Op: "event", Key: "e", Value: "1"}
			p := parseTransaction(t, m.endorse(t, steps(put(key, "1"), event), orgs(c.orgs...)))
			c.do(t, p)
			m.hand(t, p.id, p.envelope(t, m))
			requireCode(t, c.want, s.outcomeOf(t, p.id))
			require.Equal(t, c.want == peer.TxValidationCode_VALID, m.get(t, key).Found)
		})
	}
	t.Run("TooFewOrganisations", func(t *testing.T) {
		key := s.prefix() + "a"
		transaction := m.endorse(t, steps(put(key, "1")), orgs(producer, lab)) // the gateway believes its client
		requireCode(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, s.commit(t, m, transaction))
		require.False(t, m.get(t, key).Found)
	})
	t.Run("WithoutEndorsedAction", func(t *testing.T) {
		envelope, id := m.unendorsed(t)
		m.hand(t, id, envelope)
		requireCode(t, peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION, s.outcomeOf(t, id))
	})
	t.Run("RefusedByOrderers", func(t *testing.T) {
		for _, c := range []struct {
			name string
			do   func(envelope *common.Envelope)
			want codes.Code
		}{
			{"SignatureMutated", func(e *common.Envelope) { e.Signature[len(e.Signature)-1] ^= 1 }, codes.Unavailable},
			{"PayloadMutated", func(e *common.Envelope) { e.Payload = append(e.Payload, 0x18, 0x01) }, codes.Unavailable},
			{"PayloadEmpty", func(e *common.Envelope) { e.Payload = nil }, codes.Unavailable},
			{"Unsigned", func(e *common.Envelope) { e.Signature = nil }, codes.InvalidArgument},
		} {
			t.Run(c.name, func(t *testing.T) {
				p := parseTransaction(t, m.endorse(t, steps(put(s.prefix()+"a", "1"))))
				envelope := p.envelope(t, m)
				c.do(envelope)
				err := m.submitEnvelope(t, p.id, envelope)
				require.Equal(t, c.want, status.Code(err), explain(err))
			})
		}
	})
}

// changeAction changes what the chaincode is said to have done.
func changeAction(t *testing.T, p *transactionParts, change func(*peer.ChaincodeAction)) {
	t.Helper()
	var action peer.ChaincodeAction
	unmarshal(t, p.response.GetExtension(), &action)
	change(&action)
	p.response.Extension = marshal(t, &action)
}
