package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// proposalParts is a proposal taken apart, to look at or to change.
type proposalParts struct {
	transactionID   string
	channelHeader   *common.ChannelHeader
	signatureHeader *common.SignatureHeader
	payload         []byte
}

func parseProposal(t *testing.T, proposal *client.Proposal) *proposalParts {
	t.Helper()
	raw, err := proposal.Bytes()
	require.NoError(t, err)
	var proposed gateway.ProposedTransaction
	require.NoError(t, proto.Unmarshal(raw, &proposed))
	var inner peer.Proposal
	require.NoError(t, proto.Unmarshal(proposed.GetProposal().GetProposalBytes(), &inner))
	var header common.Header
	require.NoError(t, proto.Unmarshal(inner.GetHeader(), &header))
	parts := &proposalParts{
		transactionID:   proposed.GetTransactionId(),
		channelHeader:   &common.ChannelHeader{},
		signatureHeader: &common.SignatureHeader{},
		payload:         inner.GetPayload(),
	}
	require.NoError(t, proto.Unmarshal(header.GetChannelHeader(), parts.channelHeader))
	require.NoError(t, proto.Unmarshal(header.GetSignatureHeader(), parts.signatureHeader))
	return parts
}

// bytes is the proposal put together again, to be signed.
func (p *proposalParts) bytes(t *testing.T) []byte {
	t.Helper()
	return marshal(t, &peer.Proposal{
		Header: marshal(t, &common.Header{
			ChannelHeader:   marshal(t, p.channelHeader),
			SignatureHeader: marshal(t, p.signatureHeader),
		}),
		Payload: p.payload,
	})
}

func marshal(t *testing.T, message proto.Message) []byte {
	t.Helper()
	raw, err := proto.Marshal(message)
	require.NoError(t, err)
	return raw
}

// endorseSigned asks the member's gateway to endorse proposal bytes under a
// signature of the caller's choosing.
func (m *member) endorseSigned(t *testing.T, parts *proposalParts, proposal, signature []byte) (*common.Envelope, error) {
	t.Helper()
	answer, err := gateway.NewGatewayClient(m.conn).Endorse(t.Context(), &gateway.EndorseRequest{
		TransactionId:       parts.transactionID,
		ChannelId:           Channel,
		ProposedTransaction: &peer.SignedProposal{ProposalBytes: proposal, Signature: signature},
	})
	return answer.GetPreparedTransaction(), err
}

// evaluateSigned is endorseSigned for an evaluation.
func (m *member) evaluateSigned(t *testing.T, parts *proposalParts, proposal, signature []byte) error {
	t.Helper()
	_, err := gateway.NewGatewayClient(m.conn).Evaluate(t.Context(), &gateway.EvaluateRequest{
		TransactionId:       parts.transactionID,
		ChannelId:           Channel,
		ProposedTransaction: &peer.SignedProposal{ProposalBytes: proposal, Signature: signature},
	})
	return err
}

// submitEnvelope hands an envelope to the orderers, through the gateway, which
// does not look into it.
func (m *member) submitEnvelope(t *testing.T, transactionID string, envelope *common.Envelope) error {
	t.Helper()
	_, err := gateway.NewGatewayClient(m.conn).Submit(t.Context(), &gateway.SubmitRequest{
		TransactionId: transactionID, ChannelId: Channel, PreparedTransaction: envelope,
	})
	return err
}

// hand is submitEnvelope for what the orderers are to take, as send does it.
func (m *member) hand(t *testing.T, transactionID string, envelope *common.Envelope) {
	t.Helper()
	var err error
	retry(t, func() bool {
		if err = m.submitEnvelope(t, transactionID, envelope); err == nil || !submitsLater(err) {
			return true
		}
		t.Logf("submitting again after: %s", explain(err))
		return false
	})
	if !ordered(err) {
		require.NoError(t, err, explain(err))
	}
}

// transactionParts is an endorsed transaction taken apart, to be changed.
type transactionParts struct {
	id              string
	channelHeader   *common.ChannelHeader
	signatureHeader *common.SignatureHeader
	// actionHeader repeats the signature header inside the transaction.
	actionHeader    *common.SignatureHeader
	proposalPayload []byte
	response        *peer.ProposalResponsePayload
	endorsements    []*peer.Endorsement
}

func parseTransaction(t *testing.T, transaction *client.Transaction) *transactionParts {
	t.Helper()
	raw, err := transaction.Bytes()
	require.NoError(t, err)
	var prepared gateway.PreparedTransaction
	require.NoError(t, proto.Unmarshal(raw, &prepared))
	return parseEnvelope(t, prepared.GetEnvelope())
}

func parseEnvelope(t *testing.T, envelope *common.Envelope) *transactionParts {
	t.Helper()
	var payload common.Payload
	require.NoError(t, proto.Unmarshal(envelope.GetPayload(), &payload))
	var inner peer.Transaction
	require.NoError(t, proto.Unmarshal(payload.GetData(), &inner))
	require.Len(t, inner.GetActions(), 1)
	var action peer.ChaincodeActionPayload
	require.NoError(t, proto.Unmarshal(inner.GetActions()[0].GetPayload(), &action))
	parts := &transactionParts{
		channelHeader:   &common.ChannelHeader{},
		signatureHeader: &common.SignatureHeader{},
		actionHeader:    &common.SignatureHeader{},
		proposalPayload: action.GetChaincodeProposalPayload(),
		response:        &peer.ProposalResponsePayload{},
		endorsements:    action.GetAction().GetEndorsements(),
	}
	require.NoError(t, proto.Unmarshal(payload.GetHeader().GetChannelHeader(), parts.channelHeader))
	require.NoError(t, proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), parts.signatureHeader))
	require.NoError(t, proto.Unmarshal(inner.GetActions()[0].GetHeader(), parts.actionHeader))
	require.NoError(t, proto.Unmarshal(action.GetAction().GetProposalResponsePayload(), parts.response))
	parts.id = parts.channelHeader.GetTxId()
	return parts
}

// envelope puts the transaction together again and signs it as the member. The
// response is encoded as it was, as long as it is unchanged.
func (p *transactionParts) envelope(t *testing.T, m *member) *common.Envelope {
	t.Helper()
	payload := marshal(t, &common.Payload{
		Header: &common.Header{
			ChannelHeader:   marshal(t, p.channelHeader),
			SignatureHeader: marshal(t, p.signatureHeader),
		},
		Data: marshal(t, &peer.Transaction{Actions: []*peer.TransactionAction{{
			Header: marshal(t, p.actionHeader),
			Payload: marshal(t, &peer.ChaincodeActionPayload{
				ChaincodeProposalPayload: p.proposalPayload,
				Action: &peer.ChaincodeEndorsedAction{
					ProposalResponsePayload: marshal(t, p.response),
					Endorsements:            p.endorsements,
				},
			}),
		}}}),
	})
	return &common.Envelope{Payload: payload, Signature: m.signed(t, payload)}
}

// forgedIdentity is a client certificate that claims an organisation but comes
// from an authority nobody knows.
func forgedIdentity(t *testing.T, mspID string) (identity.Identity, identity.Sign) {
	t.Helper()
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "ca"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "mallory", OrganizationalUnit: []string{"client"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}, authority, key.Public(), authorityKey)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(mspID, certificate)
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	return id, sign
}

// unendorsed is a well-formed, signed transaction without endorsements, and its
// id.
func (m *member) unendorsed(t *testing.T) (*common.Envelope, string) {
	t.Helper()
	parts := parseProposal(t, m.propose(t, nil))
	payload := marshal(t, &common.Payload{
		Header: &common.Header{
			ChannelHeader:   marshal(t, parts.channelHeader),
			SignatureHeader: marshal(t, parts.signatureHeader),
		},
		Data: marshal(t, &peer.Transaction{Actions: []*peer.TransactionAction{{
			Header: marshal(t, parts.signatureHeader),
			Payload: marshal(t, &peer.ChaincodeActionPayload{
				ChaincodeProposalPayload: parts.payload,
				// Never leave the action out: it crashes every peer of Fabric
				// 3.1.1, and again whenever they come back to the block.
				Action: &peer.ChaincodeEndorsedAction{},
			}),
		}}}),
	})
	return &common.Envelope{Payload: payload, Signature: m.signed(t, payload)}, parts.transactionID
}

func unmarshal(t *testing.T, raw []byte, message proto.Message) {
	t.Helper()
	require.NoError(t, proto.Unmarshal(raw, message))
}
