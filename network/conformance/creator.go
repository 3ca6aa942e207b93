package conformance

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/network/conformance/chaincode"
)

// testCreator covers who may speak at all: proposals, envelopes, status
// requests and block streams of the wrong creator are refused.
func testCreator(t *testing.T, s *suite) {
	write := steps(put(s.prefix()+"a", "1"))

	// Each of these is a client that must not get through.
	strangers := []struct {
		name string
		said string
		make func(t *testing.T) *member
	}{
		{"UnknownAuthority", "unknown, creator is malformed", func(t *testing.T) *member {
			id, sign := forgedIdentity(t, producer)
			return newMember(t, s.members[producer].conn, id, sign)
		}},
		{"UnknownOrganisation", "unknown, creator is malformed", func(t *testing.T) *member {
			id, sign := forgedIdentity(t, "NobodyMSP")
			return newMember(t, s.members[producer].conn, id, sign)
		}},
		{"CertificateOfAnotherOrganisation", "unknown, creator is malformed", func(t *testing.T) *member {
			lent, sign := s.engine.Enrol(t, producer, "turncoat", nil, time.Time{})
			return newMember(t, s.members[lab].conn, renamed{lent, lab}, sign)
		}},
		{"KeyOfAnotherIdentity", "[ProducerMSP]", func(t *testing.T) *member {
			id, _ := s.engine.Enrol(t, producer, "victim", nil, time.Time{})
			_, sign := s.engine.Enrol(t, producer, "thief", nil, time.Time{})
			return newMember(t, s.members[producer].conn, id, sign)
		}},
		{"BytesThatAreNoCertificate", "unknown, creator is malformed", func(t *testing.T) *member {
			return newMember(t, s.members[producer].conn, garbled{producer}, s.members[producer].sign)
		}},
	}
	for _, stranger := range strangers {
		t.Run(stranger.name, func(t *testing.T) {
			m := stranger.make(t)
			t.Run("Endorse", func(t *testing.T) {
				_, err := m.tryEndorse(t, write)
				require.Equal(t, codes.Aborted, status.Code(err), explain(err))
				require.NotEmpty(t, details(err))
				require.Contains(t, details(err)[0].GetMessage(), "error validating proposal: access denied: channel [trace] creator org "+stranger.said)
			})
			t.Run("Evaluate", func(t *testing.T) {
				err := m.tryEvaluate(t, steps(get("a")))
				require.Equal(t, codes.FailedPrecondition, status.Code(err), explain(err))
				require.Contains(t, err.Error(), "error validating proposal: access denied: channel [trace] creator org "+stranger.said)
			})
			t.Run("Submit", func(t *testing.T) {
				envelope, id := m.unendorsed(t)
				refusedByOrderers(t, func() error { return m.submitEnvelope(t, id, envelope) }, "received unsuccessful response from orderer: status=FORBIDDEN")
			})
			t.Run("CommitStatus", func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := m.status(ctx, "0000")
				require.Equal(t, codes.PermissionDenied, status.Code(err), explain(err))
			})
			t.Run("ChaincodeEvents", func(t *testing.T) {
				// The stock client hides the refusal, which comes with the first
				// message: its channel closes.
				events, err := m.network.ChaincodeEvents(t.Context(), Chaincode)
				require.NoError(t, err)
				_, open := <-events
				require.False(t, open)
			})
		})
	}

	t.Run("SignatureOverOtherBytes", func(t *testing.T) {
		m := s.members[producer]
		parts := parseProposal(t, m.propose(t, write))
		_, err := m.endorseSigned(t, parts, parts.bytes(t), m.signed(t, []byte("something else")))
		require.Equal(t, codes.Aborted, status.Code(err), explain(err))
		require.Contains(t, details(err)[0].GetMessage(), "access denied: channel [trace] creator org [ProducerMSP]")
		err = m.evaluateSigned(t, parts, parts.bytes(t), m.signed(t, []byte("something else")))
		require.Equal(t, codes.FailedPrecondition, status.Code(err), explain(err))
	})
	t.Run("IdNotOfNonceAndCreator", func(t *testing.T) {
		m := s.members[producer]
		parts := parseProposal(t, m.propose(t, write))
		parts.channelHeader.TxId = "0" + parts.channelHeader.GetTxId()[1:]
		if parts.transactionID[0] == '0' {
			parts.channelHeader.TxId = "1" + parts.channelHeader.GetTxId()[1:]
		}
		raw := parts.bytes(t)
		_, err := m.endorseSigned(t, parts, raw, m.signed(t, raw))
		require.Equal(t, codes.Aborted, status.Code(err), explain(err))
		require.Contains(t, details(err)[0].GetMessage(), "incorrectly computed txid '"+parts.channelHeader.GetTxId()+"' -- expected '"+parts.transactionID+"'")
	})
	t.Run("ExpiredCertificate", func(t *testing.T) {
		id, sign := s.engine.Enrol(t, producer, "late", nil, time.Now().Add(-2*time.Second))
		m := newMember(t, s.members[producer].conn, id, sign)
		_, err := m.tryEndorse(t, write)
		require.Equal(t, codes.Aborted, status.Code(err), explain(err))
		require.Equal(t, "proposal client identity expired", details(err)[0].GetMessage())
		err = m.tryEvaluate(t, steps(get("a")))
		require.Equal(t, codes.Unavailable, status.Code(err), explain(err))
		require.Equal(t, "proposal client identity expired", details(err)[0].GetMessage())
		envelope, txID := m.unendorsed(t)
		refusedByOrderers(t, func() error { return m.submitEnvelope(t, txID, envelope) }, "status=BAD_REQUEST, info=broadcast client identity expired")

		// Who may read is not asked for the time.
		done := s.submit(t, s.members[producer], steps(put(s.prefix()+"a", "1")))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answer, err := m.status(ctx, done.id)
		require.NoError(t, err)
		require.Equal(t, peer.TxValidationCode_VALID, answer.GetResult())
	})
	t.Run("CertificateExpiresBeforeSubmit", func(t *testing.T) { testExpiry(t, s) })
	t.Run("TimeWindow", func(t *testing.T) { testTimeWindow(t, s) })
	t.Run("AnyMemberMayFollowAnyTransaction", func(t *testing.T) {
		done := s.submit(t, s.members[producer], steps(put(s.prefix()+"a", "1")))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answer, err := s.enrol(t, regulator, "reader", nil).status(ctx, done.id)
		require.NoError(t, err)
		require.Equal(t, peer.TxValidationCode_VALID, answer.GetResult())
	})
}

// testExpiry endorses while the certificate holds and submits when it does not:
// the orderers refuse.
func testExpiry(t *testing.T, s *suite) {
	key := s.prefix() + "a"
	for life := 2 * time.Second; ; life *= 2 {
		require.Less(t, life, patience, "endorsing takes longer than certificates live")
		end := time.Now().Add(life).Truncate(time.Second)
		id, sign := s.engine.Enrol(t, producer, "brief", nil, end)
		m := newMember(t, s.members[producer].conn, id, sign)
		transaction, err := m.tryEndorse(t, steps(put(key, "1")))
		if err != nil { // the machine is busy, and the certificate may be gone already
			require.True(t, passing(err) || strings.Contains(explain(err), "expired"), explain(err))
			continue
		}
		<-time.After(time.Until(end.Add(1100 * time.Millisecond)))
		refusedByOrderers(t, func() error {
			_, err := transaction.Submit()
			return err
		}, "broadcast client identity expired")
		require.False(t, s.members[producer].get(t, key).Found)
		return
	}
}

// testTimeWindow: peers refuse proposals that are more than 15 minutes off their
// clock, either way, and nobody looks at the time later.
func testTimeWindow(t *testing.T, s *suite) {
	m := s.members[producer]
	for _, c := range []struct {
		name    string
		shift   time.Duration
		refused bool
	}{
		{"16MinutesAgo", -16 * time.Minute, true},
		{"14MinutesAgo", -14 * time.Minute, false},
		{"In14Minutes", 14 * time.Minute, false},
		{"In16Minutes", 16 * time.Minute, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts := parseProposal(t, m.propose(t, steps(put(s.prefix()+"a", "1"), chaincode.Step{Op: "time"})))
			stamp := parts.channelHeader.GetTimestamp()
			stamp.Seconds += int64(c.shift.Seconds())
			raw := parts.bytes(t)
			var envelope *common.Envelope
			var err error
			retry(t, func() bool {
				envelope, err = m.endorseSigned(t, parts, raw, m.signed(t, raw))
				return !passing(err)
			})
			if c.refused {
				require.Equal(t, codes.Aborted, status.Code(err), explain(err))
				require.Contains(t, details(err)[0].GetMessage(), "request unauthorized due to incorrect timestamp")
				err = m.evaluateSigned(t, parts, raw, m.signed(t, raw))
				require.Equal(t, codes.Unavailable, status.Code(err), explain(err))
				return
			}
			require.NoError(t, err, explain(err))
			envelope.Signature = m.signed(t, envelope.GetPayload())
			m.hand(t, parts.transactionID, envelope)
			requireCode(t, peer.TxValidationCode_VALID, s.outcomeOf(t, parts.transactionID))
		})
	}
}

// renamed is an identity that claims another organisation.
type renamed struct {
	identity.Identity
	mspID string
}

func (r renamed) MspID() string { return r.mspID }

// garbled is an identity without a certificate.
type garbled struct{ mspID string }

func (g garbled) MspID() string     { return g.mspID }
func (garbled) Credentials() []byte { return []byte("not a certificate") }
