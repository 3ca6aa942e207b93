package conformance

import (
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"traceledger/network/conformance/chaincode"
	"traceledger/network/embedded"
	"traceledger/network/validation"
)

// TestEmbedded runs the suite against the embedded ledger as clients of other
// processes use it.
func TestEmbedded(t *testing.T) {
	testEmbedded(t, false, func(l *embedded.Ledger) Engine { return embeddedEngine{l} })
}

// TestEmbeddedDirect runs it as the services of the same process use the ledger.
func TestEmbeddedDirect(t *testing.T) {
	testEmbedded(t, false, func(l *embedded.Ledger) Engine { return directEngine{embeddedEngine{l}} })
}

// TestEmbeddedSeparateEndorsers runs it in the mode in which every organisation
// simulates on its own.
func TestEmbeddedSeparateEndorsers(t *testing.T) {
	testEmbedded(t, true, func(l *embedded.Ledger) Engine { return embeddedEngine{l} })
}

func testEmbedded(t *testing.T, separate bool, engine func(*embedded.Ledger) Engine) {
	ledger := openEmbedded(t, separate)
	Run(t, engine(ledger))
	require.NoError(t, ledger.Verify(t.Context()))
}

func openEmbedded(t *testing.T, separate bool) *embedded.Ledger {
	t.Helper()
	ledger, err := embedded.Open(embedded.Config{
		Dir:           t.TempDir(),
		Channel:       Channel,
		Organisations: organisations,
		Chaincodes: []embedded.Chaincode{{
			Name:        Chaincode,
			Version:     Version,
			Chaincode:   chaincode.Chaincode{},
			Collections: embeddedCollections(),
		}},
		SeparateEndorsers: separate,
		Batch: embedded.BatchConfig{
			MaxLinger:        5 * time.Millisecond, // so that tests find several transactions in a block
			AbsoluteMaxBytes: MaxTransactionBytes,
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ledger.Close()) })
	return ledger
}

func embeddedCollections() []embedded.Collection {
	var list []embedded.Collection
	for _, c := range Collections {
		e := embedded.Collection{
			Name:            c.Name,
			Members:         c.Members,
			MaxPeerCount:    int32(len(c.Members)),
			BlockToLive:     c.BlockToLive,
			MemberOnlyRead:  c.MemberOnlyRead,
			MemberOnlyWrite: c.MemberOnlyWrite,
		}
		if c.EndorsedBy != "" {
			e.Policy = &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{
				SignaturePolicy: validation.SignedBy(1, msp.MSPRole_PEER, c.EndorsedBy),
			}}
		}
		list = append(list, e)
	}
	return list
}

type embeddedEngine struct{ ledger *embedded.Ledger }

func (embeddedEngine) Name() string { return "embedded" }

func (e embeddedEngine) Conn(_ *testing.T, mspID string) grpc.ClientConnInterface {
	return e.ledger.ConnTo(mspID)
}

// directEngine is the embedded ledger without HTTP/2 in between.
type directEngine struct{ embeddedEngine }

func (directEngine) Name() string { return "embedded, direct" }

func (e directEngine) Conn(_ *testing.T, mspID string) grpc.ClientConnInterface {
	return e.ledger.DirectTo(mspID)
}

func (e embeddedEngine) Enrol(t *testing.T, mspID, name string, attributes map[string]string, notAfter time.Time) (identity.Identity, identity.Sign) {
	t.Helper()
	var options []embedded.EnrolOption
	if !notAfter.IsZero() {
		options = append(options, embedded.NotAfter(notAfter))
	}
	enrolment, err := e.ledger.Enrol(mspID, name, attributes, options...)
	require.NoError(t, err)
	return parseIdentity(t, mspID, enrolment.CertPEM, enrolment.KeyPEM)
}

// TestEmbeddedSurvives sends the two envelopes that end a Fabric 3.1.1 network
// and are therefore not in the suite: a transaction without an action, and one
// of a type that is no transaction.
func TestEmbeddedSurvives(t *testing.T) {
	s := newSuite(t, embeddedEngine{openEmbedded(t, false)})
	m := s.members[producer]
	p := parseTransaction(t, m.endorse(t, steps(put("a", "1"))))
	for name, change := range map[string]func(*common.Payload){
		"no action": func(payload *common.Payload) {
			payload.Data = marshal(t, &peer.Transaction{Actions: []*peer.TransactionAction{{
				Header:  payload.GetHeader().GetSignatureHeader(),
				Payload: marshal(t, &peer.ChaincodeActionPayload{ChaincodeProposalPayload: p.proposalPayload}),
			}}})
		},
		"no transaction": func(payload *common.Payload) {
			p.channelHeader.Type = int32(common.HeaderType_MESSAGE)
			payload.Header.ChannelHeader = marshal(t, p.channelHeader)
		},
	} {
		envelope := p.envelope(t, m)
		var payload common.Payload
		unmarshal(t, envelope.GetPayload(), &payload)
		change(&payload)
		envelope.Payload = marshal(t, &payload)
		envelope.Signature = m.signed(t, envelope.GetPayload())
		err := m.submitEnvelope(t, p.id, envelope) // refused, or taken and invalid
		t.Logf("%s: %v", name, err)
		s.submit(t, m, steps(put("b", "1")))
	}
	require.False(t, m.get(t, "a").Found)
}
